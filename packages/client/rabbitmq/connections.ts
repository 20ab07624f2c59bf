import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { openRabbitConnection, type RabbitConnection } from './connection.ts';
import { rabbitLimits } from './limits.ts';

/**
 * Yields one connection after another. A connection is closed when the caller asks for the next one, and then
 * the next one is opened. As long as connections end soon after they were opened, the wait before the next
 * one grows. The generator ends when the signal aborts, and it never throws.
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
