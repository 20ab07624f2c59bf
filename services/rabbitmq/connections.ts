import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

import { backoffMs } from '../../core/backoff.ts';
import { openRabbitConnection, type RabbitConnection } from './connection.ts';
import { rabbitLimits } from './limits.ts';

/**
 * One connection after another, for as long as somebody consumes: the next is opened when the loop comes back for it, after a wait that
 * grows while none lasts. Each is closed when the loop is done with it. Ends when the signal aborts, and never throws.
 */
export async function* connections({
  url,
  log,
  signal,
}: {
  url: string;
  log: Logger;
  signal: AbortSignal;
}): AsyncGenerator<RabbitConnection, void, void> {
  const { reconnect } = rabbitLimits;
  for (let failures = 1; !signal.aborted; failures++) {
    const connection = await openRabbitConnection(url).catch((error: unknown) => {
      log.warn({ err: error }, 'RabbitMQ can not be reached');
      return null;
    });
    if (connection !== null) {
      const openedAt = performance.now();
      try {
        yield connection;
      } finally {
        await connection.close();
      }
      if (performance.now() - openedAt > reconnect.maxMs) failures = 1;
    }
    await pause(backoffMs(failures, Math.random(), reconnect), undefined, { signal }).catch(() => undefined);
  }
}
