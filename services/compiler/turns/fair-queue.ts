import { turns, type JobOptions, type LongSlot, type Standings } from './turns.ts';
import { waitingLines } from './waiting-lines.ts';

/** The result of a job that stopped to make room for others. It is queued again as a slow or long job. */
export interface RunAgain {
  readonly runAgainAs: 'slow' | 'long';
}

/**
 * Runs a limited number of jobs at a time, in total and per tenant. Tenants take turns.
 *
 * - Long jobs never occupy all slots, so other jobs can always run. (With a single slot, they can occupy it.)
 * - A slow job starts when no quick job can start, or after `quickPerSlow` quick jobs. A quick job at the front of its
 *   tenant's line is overtaken by at most one slow job, regardless of the number of tenants with slow jobs.
 * - A quick job is asked to yield while a quick job of another tenant waits. It then returns to the front of its
 *   tenant's line, as a slow job.
 *
 * A job is classified as quick, slow or long when it could start. The classification therefore includes what its tenant
 * did in the meantime.
 */
export interface FairQueue {
  /**
   * Resolves to the result of the job, or immediately to 'busy' when too many jobs wait. `close` makes waiting jobs throw.
   * A long job waits for a slot for long jobs. A job that runs again is never 'busy', because its work would be lost.
   */
  readonly run: <T>(
    tenant: string,
    job: (slot: JobSlot) => Promise<T | RunAgain>,
    options?: JobOptions,
  ) => Promise<T | 'busy'>;
  readonly close: () => void;
  /** Whether a job of this tenant would now be 'busy'. */
  readonly isFullFor: (tenant: string, options?: JobOptions) => boolean;
  /** The number of waiting jobs. */
  readonly waiting: number;
}

/** The slot that a running job occupies. */
export interface JobSlot {
  /** Turns it into a slot for a long job. Returns false when the maximum number of long jobs is running. */
  readonly becomeLong: () => boolean;
  /** Whether the job started as a quick job, and a quick job of another tenant waits for a slot. */
  readonly shouldYield: () => boolean;
}

export interface FairQueueLimits {
  readonly threads: number;
  readonly perTenant: number;
  /**
   * Maximum number of waiting jobs. A few tenants together can fill the queue, so a tenant without a waiting job can
   * always add one beyond the limit. Jobs that run again do not count either; there are at most as many of them as slots.
   */
  readonly queued: number;
  readonly queuedPerTenant: number;
}

export function fairQueue(
  limits: FairQueueLimits,
  standings: Standings = { standingOf: () => 'quick', quickPerSlow: 0 },
): FairQueue {
  const lines = waitingLines();
  const running = countsByTenant();
  const longSlots = slotsForLong(limits.threads);
  const isReady = (tenant: string): boolean => running.of(tenant) < limits.perTenant;
  const mayStart = (tenant: string, long: boolean): boolean =>
    running.all() < limits.threads && isReady(tenant) && !(long && longSlots.areTaken());
  const { standing, nextToStart, isOtherQuickWaiting } = turns(lines.byTenant, standings, {
    mayStart,
    isReady,
  });
  const startNext = (): void => {
    for (let turn = nextToStart(); turn; turn = nextToStart()) {
      const { tenant, standing: startsAs } = turn;
      const next = lines.takeFirst(tenant);
      if (!next) continue;
      if (startsAs === 'long') next.longSlot.take();
      running.add(tenant, 1);
      next.start(startsAs);
    }
  };
  const finished = (tenant: string): void => {
    running.add(tenant, -1);
    lines.goToTheEnd(tenant);
    startNext();
  };
  const isFullFor: FairQueue['isFullFor'] = (tenant, options) => {
    const long = standing(tenant, options) === 'long';
    const waitingHere = lines.of(tenant);
    // A new job waits behind the waiting jobs of its tenant, even if a slot is free.
    return (waitingHere > 0 || !mayStart(tenant, long)) && isLineFull(limits, waitingHere, lines.all());
  };
  return {
    get waiting() {
      return lines.all();
    },
    isFullFor,
    run: async (tenant, job, options = {}) => {
      if (isFullFor(tenant, options)) return 'busy';
      let longSlot = longSlots.one();
      let turn = lines.add(tenant, options, longSlot);
      startNext();
      for (;;) {
        const startedAs = await turn;
        const shouldYield = () => startedAs === 'quick' && isOtherQuickWaiting(tenant);
        const held = longSlot;
        try {
          const result = await job({ becomeLong: held.take, shouldYield });
          if (!isRunAgain(result)) return result;
          // Queues the job again before freeing its slot: otherwise another job of the tenant would take the slot.
          longSlot = longSlots.one();
          turn = lines.add(tenant, { [result.runAgainAs]: true }, longSlot, { isFirst: true });
        } finally {
          held.giveBack();
          finished(tenant);
        }
      }
    },
    close: lines.close,
  };
}

function isRunAgain(result: unknown): result is RunAgain {
  return typeof result === 'object' && result !== null && 'runAgainAs' in result;
}

function isLineFull({ queued, queuedPerTenant }: FairQueueLimits, waitingHere: number, waitingAll: number) {
  return waitingHere >= queuedPerTenant || (waitingHere > 0 && waitingAll >= queued);
}

function countsByTenant() {
  const counts = new Map<string, number>();
  let all = 0;
  return {
    all: (): number => all,
    of: (tenant: string): number => counts.get(tenant) ?? 0,
    add: (tenant: string, change: 1 | -1): void => {
      all += change;
      const now = (counts.get(tenant) ?? 0) + change;
      if (now > 0) counts.set(tenant, now);
      else counts.delete(tenant);
    },
  };
}

function slotsForLong(threads: number): { readonly areTaken: () => boolean; readonly one: () => LongSlot } {
  const max = Math.max(1, threads - 1);
  let taken = 0;
  return {
    areTaken: () => taken >= max,
    one: () => {
      let isHeld = false;
      return {
        take: () => {
          if (!isHeld && taken < max) {
            taken++;
            isHeld = true;
          }
          return isHeld;
        },
        giveBack: () => {
          if (isHeld) taken--;
          isHeld = false;
        },
      };
    },
  };
}
