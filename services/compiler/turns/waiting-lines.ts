import type { Standing } from './tenant-standings.ts';
import type { JobOptions, LongSlot, Waiting } from './turns.ts';

/** The waiting jobs, in one queue per tenant. The order of the map is the order in which the tenants take turns. */
export interface WaitingLines {
  readonly byTenant: ReadonlyMap<string, Waiting[]>;
  readonly all: () => number;
  readonly of: (tenant: string) => number;
  /**
   * Adds a job at the end of its tenant's queue, or at the front if `isFirst` is true. Resolves when the job should
   * start. Rejects if the queue is closed.
   */
  readonly add: (
    tenant: string,
    options: JobOptions,
    longSlot: LongSlot,
    place?: { readonly isFirst: boolean },
  ) => Promise<Standing>;
  /** Removes the first job from a tenant's queue. The tenant then has the last turn. */
  readonly takeFirst: (tenant: string) => Waiting | undefined;
  readonly goToTheEnd: (tenant: string) => void;
  /** Rejects all waiting and all future jobs. */
  readonly close: () => void;
}

export function waitingLines(): WaitingLines {
  const byTenant = new Map<string, Waiting[]>();
  let all = 0;
  let isClosed = false;
  const goToTheEnd = (tenant: string): void => {
    const line = byTenant.get(tenant);
    byTenant.delete(tenant);
    if (line && line.length > 0) byTenant.set(tenant, line);
  };
  return {
    byTenant,
    all: () => all,
    of: (tenant) => byTenant.get(tenant)?.length ?? 0,
    add: async (tenant, options, longSlot, { isFirst } = { isFirst: false }) => {
      if (isClosed) throw closedError();
      const turn = Promise.withResolvers<Standing>();
      const line = byTenant.get(tenant) ?? [];
      const job = { options, longSlot, start: turn.resolve, refuse: turn.reject, wasOvertaken: false };
      if (isFirst) line.unshift(job);
      else line.push(job);
      byTenant.set(tenant, line);
      all++;
      return await turn.promise;
    },
    takeFirst: (tenant) => {
      const first = byTenant.get(tenant)?.shift();
      if (first) all--;
      goToTheEnd(tenant);
      return first;
    },
    goToTheEnd,
    close: () => {
      isClosed = true;
      for (const line of byTenant.values()) for (const { refuse } of line) refuse(closedError());
      byTenant.clear();
      all = 0;
    },
  };
}

function closedError(): Error {
  return new Error('the queue is closed');
}
