import type { Standing } from './tenant-standings.ts';

/** The class of the job itself. Its final class also depends on its tenant's recent compilations. */
export interface JobOptions {
  readonly long?: boolean;
  readonly slow?: boolean;
}

export interface Standings {
  readonly standingOf: (tenant: string) => Standing;
  /**
   * The number of quick jobs that may start before a slow job that waits. More may start if a slow job was already
   * started before one of the waiting quick jobs.
   */
  readonly quickPerSlow: number;
}

export interface LongSlot {
  /** Takes a slot for a long job. Returns false if all of them are taken. A repeated call has no further effect. */
  readonly take: () => boolean;
  readonly giveBack: () => void;
}

export interface Waiting {
  readonly options: JobOptions;
  readonly longSlot: LongSlot;
  readonly start: (standing: Standing) => void;
  readonly refuse: (error: Error) => void;
  /** Whether a slow job was started although this quick job was the next job of its tenant and could have started. */
  wasOvertaken: boolean;
}

/** A tenant whose next job can start now, and the class of that job. */
interface Turn {
  readonly tenant: string;
  readonly standing: Standing;
}

interface Room {
  readonly mayStart: (tenant: string, long: boolean) => boolean;
  /** Whether the tenant runs fewer jobs than its limit. */
  readonly isReady: (tenant: string) => boolean;
}

/**
 * Decides which job starts next. `waiting` maps each tenant to its waiting jobs. The order of the map is the order in
 * which the tenants take turns.
 */
export function turns(
  waiting: ReadonlyMap<string, Waiting[]>,
  { standingOf, quickPerSlow }: Standings,
  { mayStart, isReady }: Room,
) {
  /** The number of quick jobs that were started while a slow job could also have been started. */
  let quickBefore = 0;
  const standing = (tenant: string, { long, slow }: JobOptions = {}): Standing => {
    const known = long ? 'long' : standingOf(tenant);
    return known === 'quick' && slow ? 'slow' : known;
  };
  return {
    standing,
    /**
     * Returns the job that should start next. Quick and long jobs are preferred to slow jobs. A slow job is returned
     * if `quickPerSlow` quick jobs have started before it. However, a slow job is never started before a quick job
     * that was already overtaken.
     */
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
