import type { Standing } from './tenant-standings.ts';

/** What is known of a job itself, whatever the standing of its tenant. */
export interface JobOptions {
  readonly long?: boolean;
  readonly slow?: boolean;
}

export interface Standings {
  readonly standingOf: (tenant: string) => Standing;
  /** Quick jobs that start before a slow one is due that could start. More do, while one waits that a slow one has passed already. */
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
  /** Whether a slow job was started ahead of this quick job although this job was the first in its tenant's line and could have started. */
  wasPassed: boolean;
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
    /** A quick or a long one before a slow one, unless that is due and passes no quick one a second time. */
    nextToStart: (): Turn | null => {
      let slow: Turn | null = null;
      let other: Turn | null = null;
      let isSlowBefore = false;
      const quick: Waiting[] = [];
      for (const [tenant, line] of waiting) {
        const [first] = line;
        const is = standing(tenant, first?.options);
        if (!first || !mayStart(tenant, is === 'long')) continue;
        if (is === 'quick') quick.push(first);
        if (is === 'slow') slow ??= { tenant, line, is };
        else if (!other) {
          other = { tenant, line, is };
          isSlowBefore = slow !== null;
        }
      }
      if (!slow) return other;
      if (other) {
        const isSlowDue = isSlowBefore && ++quickBefore > quickPerSlow;
        if (!isSlowDue || quick.some(({ wasPassed }) => wasPassed)) return other;
      }
      quickBefore = 0;
      for (const passed of quick) passed.wasPassed = true;
      return slow;
    },
    quickWaitsBeside: (tenant: string): boolean => {
      for (const [other, line] of waiting)
        if (other !== tenant && isReady(other) && standing(other, line[0]?.options) === 'quick') return true;
      return false;
    },
  };
}
