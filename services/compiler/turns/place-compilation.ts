import type { SourceTree } from '@pointsman/protocol/releases/source';
import { processLimits } from '../limits.ts';
import type { ReadBlobs, Recall } from '../process/answer-question.ts';
import type { CompilePool } from '../process/compile-pool.ts';
import { runSession, type SessionResult } from '../process/compile-session.ts';
import type { FairQueue, JobSlot, RunAgain } from './fair-queue.ts';
import type { TenantStandings } from './tenant-standings.ts';

export interface PlacingLimits {
  readonly threads: number;
  readonly threadStartMs: number;
  readonly timeoutMs: number;
  readonly readingMs: number;
  readonly longMs: number;
  readonly sliceMs: number;
}

export interface PlacementDeps {
  readonly pool: CompilePool;
  readonly queue: FairQueue;
  readonly standings: TenantStandings;
  readonly limits: PlacingLimits;
}

type Placed = Exclude<SessionResult, { readonly kind: 'evicted' | 'lost' }>;

/**
 * Runs a compilation when its turn comes. It runs again as a slow compilation if it had to yield, and as a long one if it took
 * too long while no slot for long compilations was free. Returns 'busy' if the queue is full. Throws the errors of the session,
 * and throws when several processes in a row die before the compilation starts.
 */
export async function placeCompilation(
  { pool, queue, standings, limits }: PlacementDeps,
  tenant: string,
  tree: SourceTree,
  readBlobs: ReadBlobs,
  recall: Recall,
): Promise<Placed | 'busy'> {
  return await queue.run(tenant, async (slot): Promise<Placed | RunAgain> => {
    const evictAs = (usedMs: number) => evictionOf(tenant, slot, usedMs, { standings, limits });
    const session = () => runSession(pool, tree, readBlobs, recall, { ...limits, evictAs });
    let ended = await session();
    // An idle process was killed from outside. Retries, because all idle processes may have been killed.
    for (let idle = limits.threads + processLimits.reserve; ended.kind === 'lost' && idle > 0; idle--)
      ended = await session();
    if (ended.kind === 'lost') throw ended.defect;
    return ended.kind === 'evicted' ? { runAgainAs: ended.as } : ended;
  });
}

/**
 * Whether a running compilation must stop to make room, and then run again as a slow or long one. Null if it may
 * continue. Marks the tenant accordingly.
 */
export function evictionOf(
  tenant: string,
  slot: JobSlot,
  usedMs: number,
  { standings, limits }: Pick<PlacementDeps, 'standings' | 'limits'>,
): 'slow' | 'long' | null {
  if (usedMs >= limits.longMs) {
    standings.mark(tenant, 'long');
    return slot.becomeLong() ? null : 'long';
  }
  if (usedMs < limits.sliceMs || !slot.shouldYield()) return null;
  standings.mark(tenant, 'slow');
  return 'slow';
}
