import type { SourceTree } from '@pointsman/protocol/releases/source';
import { processLimits } from '../limits.ts';
import type { ReadBlobs, Recall } from '../process/answer-question.ts';
import type { CompilePool } from '../process/compile-pool.ts';
import { runSession, type SessionResult } from '../process/compile-session.ts';
import type { FairQueue, Place, RunAgain } from './fair-queue.ts';
import type { TenantStandings } from './tenant-standings.ts';

export interface PlacingLimits {
  readonly threads: number;
  readonly threadStartMs: number;
  readonly timeoutMs: number;
  readonly readingMs: number;
  readonly longMs: number;
  readonly sliceMs: number;
}

export interface Placing {
  readonly pool: CompilePool;
  readonly queue: FairQueue;
  readonly standings: TenantStandings;
  readonly limits: PlacingLimits;
}

type Placed = Exclude<SessionResult, { readonly kind: 'evicted' | 'lost' }>;

/**
 * Runs a compilation when its turn comes. It runs again as a slow one if it had to yield, and as a long one if it took too long and no long
 * place was free. Returns 'busy' if the queue is full on arrival. Throws what a session throws, and throws when several processes in a row are
 * ended before they begin.
 */
export async function placeCompilation(
  { pool, queue, standings, limits }: Placing,
  tenant: string,
  tree: SourceTree,
  readBlobs: ReadBlobs,
  recall: Recall,
): Promise<Placed | 'busy'> {
  return await queue.run(tenant, async (place): Promise<Placed | RunAgain> => {
    const mustLeave = (usedMs: number) => leaveAs(tenant, place, usedMs, { standings, limits });
    const session = () => runSession(pool, tree, readBlobs, recall, { ...limits, mustLeave });
    let ended = await session();
    // Its process was ended from outside while it was idle, before it looked at the source. All that are idle may have been.
    for (let idle = limits.threads + processLimits.reserve; ended.kind === 'lost' && idle > 0; idle--)
      ended = await session();
    if (ended.kind === 'lost') throw ended.defect;
    return ended.kind === 'evicted' ? { runAgainAs: ended.as } : ended;
  });
}

/** Whether a running compilation must make room, and as what it is tried again. Its tenant is known for it for a while. */
export function leaveAs(
  tenant: string,
  place: Place,
  usedMs: number,
  { standings, limits }: Pick<Placing, 'standings' | 'limits'>,
): 'slow' | 'long' | null {
  if (usedMs >= limits.longMs) {
    standings.mark(tenant, 'long');
    return place.becomeLong() ? null : 'long';
  }
  if (usedMs < limits.sliceMs || !place.shouldYield()) return null;
  standings.mark(tenant, 'slow');
  return 'slow';
}
