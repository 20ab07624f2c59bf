import type { Standing } from './tenant-standings.ts';

/** The classification of the job itself, regardless of its tenant's standing. */
export interface JobOptions {
  readonly long?: boolean;
  readonly slow?: boolean;
}

export interface Standings {
  readonly standingOf: (tenant: string) => Standing;
  /**
   * The number of quick jobs that start before a waiting slow job is due. More may start while a quick job waits that a
   * slow job has already overtaken.
   */
  readonly quickPerSlow: number;
}

export interface LongSlot {
  /** Returns false when all slots are taken. Idempotent. */
  readonly take: () => boolean;
  readonly giveBack: () => void;
}

export interface Waiting {
  readonly options: JobOptions;
  readonly longSlot: LongSlot;
  readonly start: (standing: Standing) => void;
  readonly refuse: (error: Error) => void;
  /** Whether a slow job started while this quick job was at the front of its tenant's line and could have started. */
  wasOvertaken: boolean;
}

/** The tenant whose first waiting job may start next, and the classification of that job. */
interface Turn {
  readonly tenant: string;
  readonly standing: Standing;
}

interface Room {
  readonly mayStart: (tenant: string, long: boolean) => boolean;
  /** Whether the tenant is below its own limit of running jobs. */
  readonly isReady: (tenant: string) => boolean;
}

/** Decides which job starts next. `waiting` has the tenants in the order of their turns. */
export function turns(
  waiting: ReadonlyMap<string, Waiting[]>,
  { standingOf, quickPerSlow }: Standings,
  { mayStart, isReady }: Room,
) {
  /** The number of quick jobs that started ahead of a slow job that could also have started. */
  let quickBefore = 0;
  const standing = (tenant: string, { long, slow }: JobOptions = {}): Standing => {
    const known = long ? 'long' : standingOf(tenant);
    return known === 'quick' && slow ? 'slow' : known;
  };
  return {
    standing,
    /** Prefers quick and long jobs. A slow one starts first if it is due and overtakes no quick job a second time. */
    nextToStart: (): Turn | null => {
      let slow: Turn | null = null;
      let other: Turn | null = null;
      let isSlowBefore = false;
      const quick: Waiting[] = [];
      for (const [tenant, line] of waiting) {
        const [first] = line;
        const current = standing(tenant, first?.options);
        if (!first || !mayStart(tenant, current === 'long')) continue;
        if (current === 'quick') quick.push(first);
        if (current === 'slow') slow ??= { tenant, standing: current };
        else if (!other) {
          other = { tenant, standing: current };
          isSlowBefore = slow !== null;
        }
      }
      if (!slow) return other;
      if (other) {
        const isSlowDue = isSlowBefore && ++quickBefore > quickPerSlow;
        if (!isSlowDue || quick.some(({ wasOvertaken }) => wasOvertaken)) return other;
      }
      quickBefore = 0;
      for (const job of quick) job.wasOvertaken = true;
      return slow;
    },
    /** Whether a quick job of another tenant could start if a slot were free. */
    isOtherQuickWaiting: (tenant: string): boolean => {
      for (const [other, line] of waiting)
        if (other !== tenant && isReady(other) && standing(other, line[0]?.options) === 'quick') return true;
      return false;
    },
  };
}
