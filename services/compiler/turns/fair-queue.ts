import { turns, type JobOptions, type LongPlace, type Standings } from './turns.ts';
import { waitingLines } from './waiting-lines.ts';

/** The result of a job that made room for others. It runs again, as what it turned out to be, when it is its turn. */
export interface RunAgain {
  readonly runAgainAs: 'slow' | 'long';
}

/**
 * Runs jobs, a bounded number at a time and a bounded number of each tenant, and lets tenants take turns.
 *
 * - Long jobs hold all places but one at most, so that they never make all other jobs wait.
 * - A slow job starts when no quick job can start, or after `quickPerSlow` quick jobs. At most one slow job overtakes a quick job that is the
 *   first in its tenant's line, however many tenants have slow jobs.
 * - A quick job is asked to yield while a quick job of another tenant waits. It then becomes the first in its own tenant's line.
 *
 * Whether a job is quick, slow or long is decided when it could start, so what its tenant did while it waited counts.
 */
export interface FairQueue {
  /**
   * Resolves to the result of the job, or at once to 'busy' when too many jobs wait. After `close` every waiting job is refused. A job known
   * to be long waits until a long job may run. A job that runs again is never refused as 'busy', because its work would be lost.
   */
  readonly run: <T>(
    tenant: string,
    job: (place: Place) => Promise<T | RunAgain>,
    options?: JobOptions,
  ) => Promise<T | 'busy'>;
  readonly close: () => void;
  /** Whether a job of that tenant, long or not, would be told `busy` now. */
  readonly isFullFor: (tenant: string, options?: JobOptions) => boolean;
  /** How many wait for their turn. */
  readonly waiting: number;
}

/** Where a job runs. */
export interface Place {
  /** Makes it a place for a long job. False when long jobs have all that they may have. */
  readonly becomeLong: () => boolean;
  /** Whether the job started as a quick one and another tenant's quick one waits for a place. */
  readonly shouldYield: () => boolean;
}

export interface FairQueueLimits {
  readonly threads: number;
  readonly perTenant: number;
  /**
   * Jobs that wait. Some tenants together can fill it (ten of a hundred jobs, with the limits of the compiler), so it does not apply to a
   * tenant of which nothing waits: at most this many jobs wait, and one more of each tenant.
   * Jobs that run again come on top of that: never more than there are places.
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
  const longPlaces = placesForLong(limits.threads);
  const isReady = (tenant: string): boolean => running.of(tenant) < limits.perTenant;
  const mayStart = (tenant: string, long: boolean): boolean =>
    running.all() < limits.threads && isReady(tenant) && !(long && longPlaces.areTaken());
  const { standing, nextToStart, quickWaitsBeside } = turns(lines.byTenant, standings, { mayStart, isReady });
  const startNext = (): void => {
    for (let turn = nextToStart(); turn; turn = nextToStart()) {
      const { tenant, is } = turn;
      const next = lines.takeFirst(tenant);
      if (!next) continue;
      if (is === 'long') next.longPlace.take();
      running.add(tenant, 1);
      next.start(is);
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
    // A job of a tenant of which something waits starts after that, so it waits too.
    return (waitingHere > 0 || !mayStart(tenant, long)) && isLineFull(limits, waitingHere, lines.all());
  };
  return {
    get waiting() {
      return lines.all();
    },
    isFullFor,
    run: async (tenant, job, options = {}) => {
      if (isFullFor(tenant, options)) return 'busy';
      let longPlace = longPlaces.one();
      let turn = lines.add(tenant, options, longPlace);
      startNext();
      for (;;) {
        const startedAs = await turn;
        const shouldYield = () => startedAs === 'quick' && quickWaitsBeside(tenant);
        const held = longPlace;
        try {
          const result = await job({ becomeLong: held.take, shouldYield });
          if (!isRunAgain(result)) return result;
          // Queue the job again before its place is freed: otherwise another job of the tenant could take the place.
          longPlace = longPlaces.one();
          turn = lines.add(tenant, { [result.runAgainAs]: true }, longPlace, { isFirst: true });
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

function placesForLong(threads: number): { readonly areTaken: () => boolean; readonly one: () => LongPlace } {
  const most = Math.max(1, threads - 1);
  let taken = 0;
  return {
    areTaken: () => taken >= most,
    one: () => {
      let isMine = false;
      return {
        take: () => {
          if (!isMine && taken < most) {
            taken++;
            isMine = true;
          }
          return isMine;
        },
        giveBack: () => {
          if (isMine) taken--;
          isMine = false;
        },
      };
    },
  };
}
