import type { Standing } from './tenant-standings.ts';

/** What is known of a job itself, whatever the standing of its tenant. */
export interface JobOptions {
  readonly long?: boolean;
  readonly slow?: boolean;
}

export interface Standings {
  readonly standingOf: (tenant: string) => Standing;
  /** Quick jobs that may start while a slow one waits that could start. */
  readonly quickPerSlow: number;
}

export interface LongPlace {
  /** False when all are taken. Taken twice, it is one. */
  readonly take: () => boolean;
  readonly giveBack: () => void;
}

export interface Waiting {
  readonly options: JobOptions;
  readonly longPlace: LongPlace;
  readonly start: (standing: Standing) => void;
  readonly refuse: (error: Error) => void;
}

/** The job that may start next: the first of its tenant's line. */
interface Turn {
  readonly tenant: string;
  readonly line: Waiting[];
  readonly is: Standing;
}

interface Room {
  readonly mayStart: (tenant: string, long: boolean) => boolean;
  /** Whether a job of the tenant could start if there were a place. */
  readonly isReady: (tenant: string) => boolean;
}

/** Who is next among those that wait, which are in the order of turns. */
export function turns(
  waiting: ReadonlyMap<string, Waiting[]>,
  { standingOf, quickPerSlow }: Standings,
  { mayStart, isReady }: Room,
) {
  /** Quick jobs that have started while a slow one that could have started was before them. */
  let quickBefore = 0;
  const standing = (tenant: string, { long, slow }: JobOptions = {}): Standing => {
    const known = long ? 'long' : standingOf(tenant);
    return known === 'quick' && slow ? 'slow' : known;
  };
  return {
    standing,
    /** A quick or a long one before a slow one, unless that has waited for `quickPerSlow` of them. */
    nextToStart: (): Turn | null => {
      let slow: Turn | null = null;
      for (const [tenant, line] of waiting) {
        const is = standing(tenant, line[0]?.options);
        if (!mayStart(tenant, is === 'long')) continue;
        if (is === 'slow') {
          slow ??= { tenant, line, is };
          continue;
        }
        if (slow && ++quickBefore > quickPerSlow) break;
        return { tenant, line, is };
      }
      if (slow) quickBefore = 0;
      return slow;
    },
    quickWaitsBeside: (tenant: string): boolean => {
      for (const [other, line] of waiting)
        if (other !== tenant && isReady(other) && standing(other, line[0]?.options) === 'quick') return true;
      return false;
    },
  };
}
