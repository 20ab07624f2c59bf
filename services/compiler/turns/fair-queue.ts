import { turns, type JobOptions, type LongSlot, type Standings } from './turns.ts';
import { waitingLines } from './waiting-lines.ts';

/**
 * The result of a job that was stopped so that another job can run. The queue starts the job again later as a slow or
 * a long job.
 */
export interface RunAgain {
  readonly runAgainAs: 'slow' | 'long';
}

/**
 * Runs a limited number of jobs concurrently, in total and per tenant. Tenants take turns.
 *
 * - Long jobs never occupy all slots, so other jobs can always run. If there is only one slot, a long job can occupy
 *   it.
 * - A slow job starts when no quick job can start, or after `quickPerSlow` quick jobs. While a quick job is the next
 *   job of its tenant, at most one slow job starts before it. This holds regardless of the number of tenants with
 *   slow jobs.
 * - A running quick job should yield when a quick job of another tenant waits for a slot. A job that yields becomes a
 *   slow job, and is the next job of its tenant.
 *
 * Each time the scheduler looks for a job to start, it classifies the waiting jobs as quick, slow or long. The class
 * therefore also depends on jobs of the tenant that ended after the job was queued.
 */
export interface FairQueue {
  /**
   * Runs a job when its turn comes, and resolves to its result. Resolves to 'busy' immediately if too many jobs wait.
   * Rejects if the queue is closed while the job waits. A long job starts only if a slot for long jobs is free. A job
   * that was stopped and runs again is never 'busy', because that would waste the work it has done.
   */
  readonly run: <T>(
    tenant: string,
    job: (slot: JobSlot) => Promise<T | RunAgain>,
    options?: JobOptions,
  ) => Promise<T | 'busy'>;
  readonly close: () => void;
  /** Whether a new job of this tenant would now be 'busy'. */
  readonly isFullFor: (tenant: string, options?: JobOptions) => boolean;
  /** The number of waiting jobs. */
  readonly waiting: number;
}

/** The slot that a running job occupies. */
export interface JobSlot {
  /** Turns the slot into a slot for a long job. Returns false if the maximum number of long jobs is already running. */
  readonly becomeLong: () => boolean;
  /** Whether the job started as a quick job, and a quick job of another tenant waits for a slot. */
  readonly shouldYield: () => boolean;
}

export interface FairQueueLimits {
  readonly threads: number;
  readonly perTenant: number;
  /**
   * The maximum number of waiting jobs of all tenants. A tenant without a waiting job may exceed it by one job,
   * because otherwise a few tenants could fill the queue for all others. Jobs that run again may also exceed it;
   * there are at most as many of them as slots.
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
    // If the tenant has waiting jobs, a new job waits behind them, even if a slot is free.
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
          // The job is queued again before its slot is freed. Otherwise another job of the same tenant would get the
          // slot.
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
