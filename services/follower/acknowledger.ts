import type { Pointer } from '../../core/moves/pointer.ts';
import { followerLimits } from '../../core/limits/distribution-limits.ts';
import { Bell } from './bell.ts';
import type { Claim, ControlPlane } from './control-plane.ts';
import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { afterFailureMs, isOver, jittered, pause } from './waits.ts';

export interface AcknowledgerDeps {
  readonly plane: ControlPlane;
  readonly name: string;
  /** What runs now. */
  readonly claim: () => Claim;
  /** What it should run: the answer of each acknowledgement. */
  readonly onPointer: (pointer: Pointer, said: Claim) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface Acknowledger {
  /** Something else runs since now. */
  changed(): void;
  /** Ends with the signal. */
  readonly ended: Promise<void>;
}

/**
 * Says what runs, after each change and at every heartbeat, one at a time: what changes while one is under way is said after it, the
 * newest only. Nothing waits for it.
 */
export function startAcknowledger(parts: AcknowledgerDeps): Acknowledger {
  const bell = new Bell();
  return { changed: () => bell.ring(), ended: run(parts, bell) };
}

async function run(parts: AcknowledgerDeps, bell: Bell): Promise<void> {
  const { plane, name, claim, onPointer, onFailure, signal } = parts;
  // Mostly there is something to say in a moment; a thousand that start together need not say first that there is not.
  if (claim().generation === 0) await bell.wait(jittered(followLimits.firstWordMs), signal);
  for (let failures = 0; !isOver(signal);) {
    let waitMs = jittered(followerLimits.heartbeatMs);
    const said = claim();
    try {
      onPointer(await plane.acknowledge(name, said, signal), said);
      failures = 0;
    } catch (error) {
      if (isOver(signal)) return;
      failures++;
      const failure = failureOf(error);
      onFailure(failure);
      waitMs = afterFailureMs(failures, failure, followLimits.acknowledgeBackoff);
    }
    // A change is told soon, unless the other side just said that it is too much.
    await (failures === 0 ? bell : new Bell()).wait(waitMs, signal);
    // Those that changed together do not all say so while others are still to be told of the move.
    await pause(Math.random() * followLimits.acknowledgeWithinMs, signal);
  }
}
