import { forgetCodePoints } from '../schema/code-points.ts';
import { processLimits } from '../limits.ts';
import { forgetPatterns } from '../schema/linear-pattern.ts';

const MiB = 1024 * 1024;

/**
 * Clears the caches of the last compilation, because the next compilation may be of another tenant. Cached data would
 * count against the memory limit of the next compilation. The duration of the next compilation could also reveal what
 * was compiled before.
 */
export function forgetCompilation(): void {
  forgetPatterns();
  forgetCodePoints();
}

/**
 * Whether the process uses too much memory for another compilation. The garbage collector runs only if the heap,
 * including garbage, is above the limit.
 */
export function isSpent(limitMiB: number = processLimits.liveHeapMiB): boolean {
  if (heapMiB() <= limitMiB) return false;
  // Without the flag --expose-gc, the measured heap includes garbage. The process is then replaced more often than
  // necessary.
  globalThis.gc?.();
  return heapMiB() > limitMiB;
}

function heapMiB(): number {
  return process.memoryUsage().heapUsed / MiB;
}
