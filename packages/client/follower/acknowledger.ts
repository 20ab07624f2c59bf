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
  /** The follower must call this after its running bundle has changed. */
  changed(): void;
  /** Resolves when the acknowledger has stopped. It stops when the signal aborts. */
  readonly ended: Promise<void>;
}

/**
 * Reports the running bundle to the API after each change and at every heartbeat, one request at a time. If
 * the bundle changes several times during a request, only the newest bundle is reported. No other part of the
 * follower waits for these requests.
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
    // A change of the bundle ends the wait early. After a failed request it does not, because the backoff
    // must not be shortened.
    await (failures === 0 ? heartbeat : new InterruptibleWait()).wait(waitMs, signal);
    // A random delay. Followers that changed at the same time would otherwise send their acknowledgements
    // while the API still notifies others of the move.
    await pause(Math.random() * followLimits.acknowledgeWithinMs, signal);
  }
}
