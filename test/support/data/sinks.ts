import { randomUUID } from 'node:crypto';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import type { Database } from '../../../services/postgres/database.ts';
import { putSink, type PutSink } from '../../../services/postgres/sinks/sinks.ts';

/** Stores a webhook. Its secrets are arbitrary strings, because no test decrypts them. */
export async function setSink(db: Database, tenant: string, over: Partial<PutSink> = {}) {
  return putSink(db, {
    tenant,
    sink: 'audit',
    url: 'https://audit.example/in?key=hidden',
    origin: 'https://audit.example',
    secret: null,
    madeSecret: 'sealed and made',
    rotationMs: sinkLimits.rotationMs,
    by: 'ann',
    idempotencyKey: randomUUID(),
    fingerprint: digestOf(randomUUID()),
    requestId: 'request',
    at: Date.now(),
    ...over,
  });
}
