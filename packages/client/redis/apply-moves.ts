import { deferred } from '@pointsman/protocol/calls/deferred';
import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { type Known, type MoveCursor, moveCursor } from '@pointsman/protocol/moves/move-cursor';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import type { ConsumerCounts, MoveConsumerOptions } from './consumer-options.ts';
import { readerLimits } from './limits.ts';
import { pauseUnlessAborted } from './reader-sessions.ts';

export type ApplyResult =
  | 'applied'
  | 'duplicate'
  | 'ahead'
  | 'stale'
  /** Applying the event failed, perhaps temporarily. The tenant is retried later. */
  | 'failed';

/**
 * Applies events in the order of each tenant's feed. Where an event is missing, takes a snapshot of the
 * tenant instead.
 */
export interface MoveApplier {
  take(event: MoveEvent): Promise<ApplyResult>;
  /**
   * Brings a tenant up to date after an event may have been missed. If `mayKnow` is true, it starts from the
   * position that the program has stored for the tenant. If it is false, it takes a snapshot.
   */
  catchUp(tenant: string, mayKnow: boolean): Promise<void>;
  /** Repeats the failed catch-ups whose wait is over. */
  retryFailed(): Promise<void>;
  readonly cursor: MoveCursor;
}

/**
 * The wait in milliseconds before the catch-up of a tenant is repeated. Other tenants are processed in the
 * meantime.
 */
const RETRY_MS = readerLimits.claimEveryMs;

export function moveApplier(
  options: MoveConsumerOptions,
  counts: ConsumerCounts,
  signal: AbortSignal,
): MoveApplier {
  const cursor = moveCursor(readerLimits.pointers);
  const owed = new Map<string, number>();
  const applying: Applying = { options, counts, signal, cursor };
  const owedMs = options.timings?.claimEveryMs ?? RETRY_MS;

  const recordFailure = (tenant: string, error: unknown): 'failed' => {
    counts.failed++;
    cursor.doubt(tenant);
    owed.set(tenant, performance.now() + owedMs);
    if (!signal.aborted) options.log.error({ err: error, tenant }, 'the moves of a tenant cannot be applied');
    return 'failed';
  };
  const catchUp = async (tenant: string, mayKnow: boolean): Promise<void> => {
    try {
      await resync(applying, { tenant, upTo: 0, mayKnow });
      owed.delete(tenant);
    } catch (error) {
      recordFailure(tenant, error);
    }
  };

  return {
    cursor,
    catchUp,
    take: async (event) => {
      const { tenant } = event.data;
      if ((owed.get(tenant) ?? 0) > performance.now()) return 'failed';
      try {
        const taken = await apply(applying, event);
        if (taken === 'failed') return recordFailure(tenant, null);
        owed.delete(tenant);
        return taken;
      } catch (error) {
        return recordFailure(tenant, error);
      }
    },
    retryFailed: async () => {
      const due = [...owed].filter(([, at]) => at <= performance.now());
      for (const [tenant] of due) if (!signal.aborted) await catchUp(tenant, false);
    },
  };
}

interface Applying {
  readonly options: MoveConsumerOptions;
  readonly counts: ConsumerCounts;
  readonly signal: AbortSignal;
  readonly cursor: MoveCursor;
}

async function apply(applying: Applying, event: MoveEvent): Promise<ApplyResult> {
  const { cursor, counts, options, signal } = applying;
  const { tenant, seq } = event.data;
  let place = cursor.place(event.data);
  if (place === 'unknown' || place === 'gap') {
    if (place === 'gap') counts.gaps++;
    await resync(applying, { tenant, upTo: seq - 1, mayKnow: true });
    place = cursor.place(event.data);
  }
  if (place === 'duplicate') return 'duplicate';
  if (place === 'stale') {
    cursor.passed(event.data);
    return 'stale';
  }
  if (place !== 'next') return 'ahead';
  try {
    await applyNext(applying, event);
    return 'applied';
  } catch (error) {
    if (signal.aborted) throw error;
    // The event can't be applied, so a snapshot of its tenant replaces it.
    options.log.error({ err: error, event: event.id }, 'an event cannot be applied; a snapshot replaces it');
    await resync(applying, { tenant, upTo: seq, mayKnow: false });
    return cursor.place(event.data) === 'duplicate' ? 'duplicate' : 'failed';
  }
}

/**
 * Takes snapshots until one includes the sequence number `upTo`. Gives up after {@link
 * readerLimits.snapshotTries} attempts.
 */
async function resync(
  { options, counts, signal, cursor }: Applying,
  { tenant, upTo, mayKnow }: { tenant: string; upTo: number; mayKnow: boolean },
): Promise<void> {
  const ms = options.timings?.handlerMs ?? readerLimits.handlerMs;
  const learn = (known: Known): boolean => {
    cursor.learn(tenant, known);
    return known.seq >= upTo;
  };
  if (mayKnow) {
    const known = await withDeadline(ms, signal, async (until) => options.position?.(tenant, until) ?? null);
    if (known !== null && learn(known)) return;
  }
  for (let attempt = 1; attempt <= readerLimits.snapshotTries; attempt++) {
    counts.snapshots++;
    if (learn(await withDeadline(ms, signal, (until) => options.snapshot(tenant, until)))) return;
    await pauseUnlessAborted(backoffMs(attempt, Math.random(), readerLimits.applyBackoff), signal);
  }
}

async function applyNext({ options, counts, signal, cursor }: Applying, event: MoveEvent): Promise<void> {
  const ms = options.timings?.handlerMs ?? readerLimits.handlerMs;
  for (let attempt = 1; ; attempt++) {
    try {
      await withDeadline(ms, signal, (until) => options.apply(event, until));
      cursor.passed(event.data);
      counts.applied++;
      return;
    } catch (error) {
      if (signal.aborted || attempt >= readerLimits.applyTries) throw error;
      options.log.warn({ err: error, event: event.id, attempt }, 'an event was not applied');
      await pauseUnlessAborted(backoffMs(attempt, Math.random(), readerLimits.applyBackoff), signal);
    }
  }
}

async function withDeadline<T>(
  ms: number,
  stop: AbortSignal,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const until = AbortSignal.any([stop, AbortSignal.timeout(ms)]);
  const { promise: over, reject } = deferred<never>();
  const end = (): void => reject(new Error('the handler timed out, or the consumer is stopping'));
  until.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work(until), over]);
  } finally {
    until.removeEventListener('abort', end);
  }
}
