import { forgetCodePoints } from '../schema/code-points.ts';
import { processLimits } from '../limits.ts';
import { forgetPatterns } from '../schema/linear-pattern.ts';

const MiB = 1024 * 1024;

/**
 * Clears the caches of a compilation. The next compilation may be of another tenant: retained memory would count
 * against its limit, and a faster cached result would reveal what was compiled before.
 */
export function forgetCompilation(): void {
  forgetPatterns();
  forgetCodePoints();
}

/** Whether the process retains too much memory for the next compilation. Collects garbage only above the limit. */
export function isSpent(limitMiB: number = processLimits.liveHeapMiB): boolean {
  if (heapMiB() <= limitMiB) return false;
  // Without the flag --expose-gc the result includes garbage. The process is then replaced more often, which is safe.
  globalThis.gc?.();
  return heapMiB() > limitMiB;
}

function heapMiB(): number {
  return process.memoryUsage().heapUsed / MiB;
}
