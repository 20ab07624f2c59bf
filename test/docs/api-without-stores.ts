import { pino } from 'pino';

import { type App, createApp } from '../../services/api/app.ts';
import { createCompiler } from '../../services/compiler/compiler.ts';
import type { Database } from '../../services/postgres/database.ts';
import { Notifications } from '../../services/postgres/notifications.ts';

/**
 * The API without stores, for pages that are generated from its responses. A fake database answers the one query of
 * `/metrics`.
 */
export async function withApi<T>(use: (app: App) => Promise<T>): Promise<T> {
  const compiler = createCompiler();
  const app = createApp({
    db: { platform: async () => [{ in_flight: 0, in_line: 0, stored_bytes: 0 }] } as unknown as Database,
    notifications: new Notifications('postgres://nobody@127.0.0.1:1/nothing'),
    compiler,
    restateIngressUrl: 'http://127.0.0.1:1',
    restateAdminUrl: null,
    dataDir: null,
    adminTokenSha256: '0'.repeat(64),
    secretKeys: null,
    brokers: [],
    celeryGrants: [],
    queueDepths: {
      read: async () => ({ up: true, queues: [{ queue: 'fleet', messages: 7, consumers: 1 }] }),
      close: async () => undefined,
    },
    log: pino({ level: 'silent' }),
    draining: new AbortController().signal,
  });
  try {
    return await use(app);
  } finally {
    await app.close();
    await compiler.close();
  }
}
