import type { SourceTree } from '@pointsman/protocol/releases/source';
import { processLimits } from '../limits.ts';
import type { ReadBlobs, Recall } from '../process/answer-question.ts';
import type { CompilePool } from '../process/compile-pool.ts';
import { compilerUnavailable } from '../process/compiler-unavailable.ts';
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
 * Runs a compilation when its turn comes. If it has to yield to another tenant, it runs again later as a slow
 * compilation. If it takes long and all slots for long compilations are occupied, it runs again later as a long one.
 * Returns 'busy' if the queue is full. Throws the errors of the session. Also throws if several processes in a row
 * die before the compilation starts.
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
    // `lost` means that an idle process was killed from outside. All idle processes may have been killed, so the loop
    // tries one more time than there are processes.
    for (let idle = limits.threads + processLimits.reserve; ended.kind === 'lost' && idle > 0; idle--)
      ended = await session();
    if (ended.kind === 'lost') throw compilerUnavailable(ended.defect);
    return ended.kind === 'evicted' ? { runAgainAs: ended.as } : ended;
  });
}

/**
 * Decides whether a running compilation must stop and run again later as a slow or a long one. Returns null if it may
 * continue. Marks the tenant as slow or long.
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
