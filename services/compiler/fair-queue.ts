/**
 * Runs jobs, a bounded number at a time and a bounded number of each tenant, and lets tenants take turns. One place less than there are may
 * be held by long jobs, so that two of them together do not keep everybody else waiting.
 */
export interface FairQueue {
  /**
   * What the job gives; 'busy' at once when too much is waiting. After `close` everything that waits is refused. A job known to be long
   * waits until one may run.
   */
  readonly run: <T>(
    tenant: string,
    job: (place: Place) => Promise<T>,
    options?: { readonly long: boolean },
  ) => Promise<T | 'busy'>;
  readonly close: () => void;
  /** Whether a job of that tenant, long or not, would be told `busy` now. */
  readonly isFullFor: (tenant: string, options?: { readonly long: boolean }) => boolean;
  /** How many wait for their turn. */
  readonly waiting: number;
}

/** Where a job runs. */
export interface Place {
  /** Makes it a place for a long job. False when long jobs have all that they may have. */
  readonly becomeLong: () => boolean;
}

export interface FairQueueLimits {
  readonly threads: number;
  readonly perTenant: number;
  /**
   * Jobs that wait. Some tenants together can fill it (ten of a hundred jobs, with the limits of the compiler), so it does not apply to a
   * tenant of which nothing waits: at most this many jobs wait, and one more of each tenant.
   */
  readonly queued: number;
  readonly queuedPerTenant: number;
}

interface Waiting {
  readonly long: boolean;
  readonly longPlace: LongPlace;
  readonly start: () => void;
  readonly refuse: (error: Error) => void;
}

export function fairQueue(limits: FairQueueLimits): FairQueue {
  /** In the order of turns: a tenant goes to the end when one of its jobs starts, and again when one ends. */
  const waiting = new Map<string, Waiting[]>();
  const running = new Map<string, number>();
  const longPlaces = placesForLong(limits.threads);
  let runningAll = 0;
  let waitingAll = 0;
  let closed = false;

  const runningOf = (tenant: string): number => running.get(tenant) ?? 0;
  const mayStart = (tenant: string, long: boolean): boolean =>
    runningAll < limits.threads && runningOf(tenant) < limits.perTenant && !(long && longPlaces.areTaken());
  const startNext = (): void => {
    for (const [tenant, line] of waiting) {
      if (!mayStart(tenant, line[0]?.long ?? false)) continue;
      waiting.delete(tenant);
      const next = line.shift();
      if (line.length > 0) waiting.set(tenant, line);
      if (!next) continue;
      waitingAll--;
      runningAll++;
      if (next.long) next.longPlace.take();
      running.set(tenant, runningOf(tenant) + 1);
      next.start();
    }
  };
  const finished = (tenant: string): void => {
    runningAll--;
    const left = runningOf(tenant) - 1;
    if (left > 0) running.set(tenant, left);
    else running.delete(tenant);
    goToTheEnd(waiting, tenant);
    startNext();
  };
  const isFullFor: FairQueue['isFullFor'] = (tenant, { long } = { long: false }) => {
    const waitingHere = waiting.get(tenant)?.length ?? 0;
    // A job of a tenant of which something waits starts after that, so it waits too.
    return (waitingHere > 0 || !mayStart(tenant, long)) && isLineFull(limits, waitingHere, waitingAll);
  };
  return {
    get waiting() {
      return waitingAll;
    },
    isFullFor,
    run: async (tenant, job, { long } = { long: false }) => {
      if (closed) throw closedError();
      if (isFullFor(tenant, { long })) return 'busy';
      const line = waiting.get(tenant) ?? [];
      const turn = Promise.withResolvers<void>();
      const longPlace = longPlaces.one();
      line.push({ long, longPlace, start: () => turn.resolve(), refuse: turn.reject });
      waiting.set(tenant, line);
      waitingAll++;
      startNext();
      await turn.promise;
      try {
        return await job({ becomeLong: longPlace.take });
      } finally {
        longPlace.giveBack();
        finished(tenant);
      }
    },
    close: () => {
      closed = true;
      for (const line of waiting.values()) for (const { refuse } of line) refuse(closedError());
      waiting.clear();
      waitingAll = 0;
    },
  };
}

function isLineFull({ queued, queuedPerTenant }: FairQueueLimits, waitingHere: number, waitingAll: number) {
  return waitingHere >= queuedPerTenant || (waitingHere > 0 && waitingAll >= queued);
}

function goToTheEnd(waiting: Map<string, Waiting[]>, tenant: string): void {
  const line = waiting.get(tenant);
  waiting.delete(tenant);
  if (line) waiting.set(tenant, line);
}

interface LongPlace {
  /** False when all are taken. Taken twice, it is one. */
  readonly take: () => boolean;
  readonly giveBack: () => void;
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

function closedError(): Error {
  return new Error('the queue is closed');
}
