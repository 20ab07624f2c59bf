import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { openRabbitConnection, type RabbitConnection } from './connection.ts';
import { rabbitLimits } from './limits.ts';

/**
 * Yields one connection after another. It opens the next one when the loop asks for it. The delay before that grows
 * until a connection stays open. Each connection is closed when the loop has finished with it. Ends when the signal
 * aborts, and never throws.
 */
export async function* connections({
  url,
  log,
  signal,
}: {
  url: string;
  log: Log;
  signal: AbortSignal;
}): AsyncGenerator<RabbitConnection, void, void> {
  const { reconnect } = rabbitLimits;
  for (let failures = 1; !signal.aborted; failures++) {
    const connection = await openRabbitConnection(url).catch((error: unknown) => {
      log.warn({ err: error }, 'RabbitMQ is unreachable');
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
