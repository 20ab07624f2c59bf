import type { AcknowledgementBody } from '@pointsman/protocol/moves/acknowledgement';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { followerLimits } from '@pointsman/protocol/limits';
import { InterruptibleWait } from './interruptible-wait.ts';
import type { ControlPlane } from './control-plane.ts';
import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { afterFailureMs, isOver, jittered, pause } from './waits.ts';

export interface AcknowledgerDeps {
  readonly plane: ControlPlane;
  readonly name: string;
  /** Returns the acknowledgement of the running bundle. */
  readonly acknowledgement: () => AcknowledgementBody;
  /** Called with the control plane's pointer, which is the response to each acknowledgement. */
  readonly onPointer: (pointer: Pointer, acknowledged: AcknowledgementBody) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface Acknowledger {
  /** Must be called after the running bundle has changed. */
  changed(): void;
  /** Resolves when the acknowledger has stopped, after the signal has aborted. */
  readonly ended: Promise<void>;
}

/**
 * Acknowledges the running bundle after each change and at every heartbeat, one request at a time. After
 * changes during a request, only the newest bundle is acknowledged. No other part of the follower waits for
 * an acknowledgement.
 */
export function startAcknowledger(deps: AcknowledgerDeps): Acknowledger {
  const heartbeat = new InterruptibleWait();
  return { changed: () => heartbeat.interrupt(), ended: run(deps, heartbeat) };
}

async function run(deps: AcknowledgerDeps, heartbeat: InterruptibleWait): Promise<void> {
  const { plane, name, acknowledgement, onPointer, onFailure, signal } = deps;
  // Usually the first bundle runs soon after the start. Waiting for it avoids a burst of empty
  // acknowledgements when many followers start together.
  if (acknowledgement().generation === 0)
    await heartbeat.wait(jittered(followLimits.firstAcknowledgementMs), signal);
  for (let failures = 0; !isOver(signal);) {
    let waitMs = jittered(followerLimits.heartbeatMs);
    const current = acknowledgement();
    try {
      onPointer(await plane.acknowledge(name, current, signal), current);
      failures = 0;
    } catch (error) {
      if (isOver(signal)) return;
      failures++;
      const failure = failureOf(error);
      onFailure(failure);
      waitMs = afterFailureMs(failures, failure, followLimits.acknowledgeBackoff);
    }
    // A change cuts the wait short, unless the last request failed: a backoff must not be cut short.
    await (failures === 0 ? heartbeat : new InterruptibleWait()).wait(waitMs, signal);
    // A random delay, so that followers that changed together do not acknowledge while others still have to
    // be notified of the move.
    await pause(Math.random() * followLimits.acknowledgeWithinMs, signal);
  }
}
