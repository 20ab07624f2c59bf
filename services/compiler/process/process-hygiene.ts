import { forgetCodePoints } from '../schema/code-points.ts';
import { processLimits } from '../limits.ts';
import { forgetPatterns } from '../schema/linear-pattern.ts';

const MiB = 1024 * 1024;

/**
 * Drops everything that a compilation leaves in its process. The next one is of another tenant: memory that is still taken would count
 * against that one, and a thing that is still known would tell it by the time saved what was compiled before.
 */
export function forgetCompilation(): void {
  forgetPatterns();
  forgetCodePoints();
}

/** Whether the process still holds too much to compile for the next tenant. Collects garbage only when there is much of it. */
export function isSpent(limitMiB: number = processLimits.liveHeapMiB): boolean {
  if (heapMiB() <= limitMiB) return false;
  // Without the flag --expose-gc garbage can't be told from what is live: such a process is replaced, which is slower and as safe.
  globalThis.gc?.();
  return heapMiB() > limitMiB;
}

function heapMiB(): number {
  return process.memoryUsage().heapUsed / MiB;
}
