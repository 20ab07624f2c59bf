import type { Logger } from 'pino';

import { MOVED, type MoveData } from '@pointsman/protocol/moves/move-event';
import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { ArtifactReader } from './artifact-reader.ts';
import { pointerKey } from '@pointsman/protocol/redis/cache-keys';
import { cacheLimits } from './limits.ts';
import { redisPointerCache } from './pointer-cache.ts';

export interface BatchCache {
  /**
   * Caches the pointers to which the events of a batch refer, with their bundles. The promise always resolves, within
   * `cacheLimits.batchMs`. Writes that fail are retried with the next batches, and after `cacheLimits.retryMs`: the
   * entries of a pointer may be appended although its cache could not be written, and then no batch follows.
   */
  write(events: readonly SinkEvent[]): Promise<void>;
  close(): Promise<void>;
}

interface Pending {
  readonly move: MoveData;
  readonly tries: number;
}

/**
 * Creates a cache writer. If a pointer has several moves, only the latest move is written, because readers do not
 * need the others.
 */
export function batchCache(options: { url: string; log: Logger; artifacts: ArtifactReader }): BatchCache {
  const { log } = options;
  const cache = redisPointerCache(options);
  const pending = new Map<string, Pending>();

  const add = (move: MoveData): void => {
    const key = pointerKey(move);
    const waiting = pending.get(key);
    if (waiting !== undefined && waiting.move.generation >= move.generation) return;
    pending.set(key, { move, tries: 0 });
    if (pending.size <= cacheLimits.pending) return;
    const [oldest = key] = pending.keys();
    pending.delete(oldest);
    log.error(
      { pointer: oldest },
      'too many pointers wait to be cached; this one is not updated until its next move',
    );
  };
  const attempt = async (key: string, { move, tries }: Pending): Promise<boolean> => {
    const { generation, to } = move;
    const { kind } = await cache.put({ ...move, generation, ...to });
    // If a later move of this pointer has arrived during the write, the later move stays pending.
    if (pending.get(key)?.move !== move) return kind !== 'failed';
    // A failed pointer goes to the end, so that the next retry begins with another one.
    pending.delete(key);
    if (kind !== 'failed') return true;
    if (tries + 1 < cacheLimits.tries) pending.set(key, { move, tries: tries + 1 });
    else {
      log.error(
        { pointer: key, generation },
        'a pointer could not be cached; it is not updated until its next move',
      );
    }
    return false;
  };
  /** With `stop`, ends at the first failure: if Redis is down, all writes fail. */
  const writeAll = async (ended: () => boolean, stop = false): Promise<void> => {
    // A failed pointer goes to the end of `pending`, so this loop iterates over a copy.
    const waiting = [...pending];
    for (const [key, one] of waiting) {
      if (ended()) return;
      if (!(await attempt(key, one)) && stop) return;
    }
  };
  const retry = retrying(
    () => pending.size > 0,
    () => within(cacheLimits.batchMs, (ended) => writeAll(ended, true)),
  );

  return {
    write: async (events) => {
      for (const event of events) if (event.type === MOVED) add(event.data);
      await within(cacheLimits.batchMs, writeAll);
      retry.later();
    },
    close: () => {
      retry.close();
      return cache.close();
    },
  };
}

/** Runs the work after `cacheLimits.retryMs`, again and again while it is needed. */
function retrying(isNeeded: () => boolean, work: () => Promise<void>) {
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;
  const later = (): void => {
    if (isClosed || timer !== null || !isNeeded()) return;
    timer = setTimeout(() => {
      timer = null;
      void work().then(later);
    }, cacheLimits.retryMs);
  };
  const close = (): void => {
    isClosed = true;
    if (timer !== null) clearTimeout(timer);
  };
  return { later, close };
}

/**
 * Waits for the work, but at most `ms` milliseconds. After that, the running write continues in the background, and
 * `ended` returns true so that no further write starts.
 */
async function within(ms: number, work: (ended: () => boolean) => Promise<void>): Promise<void> {
  let over = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work(() => over), promise]);
  over = true;
  clearTimeout(timer);
}
