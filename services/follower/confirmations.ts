import type { PointerId } from '../../core/identifiers.ts';
import type { Pointer } from '../../core/moves/pointer.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Connection } from './http-ask.ts';
import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { SharedFlights } from './shared-flights.ts';
import { isOver, nextTryMs, pause } from './waits.ts';

/** Of all followers of this process: a thousand who hear of the same move ask once. */
const reads = new SharedFlights<Pointer | null>();

export interface ConfirmationDeps {
  readonly plane: ControlPlane;
  readonly connection: Connection;
  readonly pointer: PointerId;
  readonly onPointer: (pointer: Pointer) => void;
  /** Somebody has told of a generation that the control plane does not know. */
  readonly onUnconfirmed: (generation: number) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface Confirmations {
  /** Asks the control plane, after now, what its pointer is: because that generation was told of, or because something may be missed. */
  ask(generation?: number): void;
  idle(): Promise<void>;
}

/** Holds hints against the control plane's own word. However many come, one question is under way and at most one waits. */
export function confirmations(parts: ConfirmationDeps): Confirmations {
  let told = 0;
  let isAsked = false;
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    while (isAsked && !isOver(parts.signal)) {
      isAsked = false;
      const [hinted] = [told];
      told = 0;
      await confirm(parts, hinted);
    }
    running = null;
  }

  return {
    ask(generation = 0) {
      told = Math.max(told, generation);
      isAsked = true;
      running ??= run();
    },
    idle: () => running ?? Promise.resolve(),
  };
}

async function confirm(parts: ConfirmationDeps, hinted: number): Promise<void> {
  // A question that somebody else had under way may be older than the hint. The next one is not.
  const first = await read(parts);
  const found = first !== null && first.generation < hinted ? await read(parts) : first;
  if (found !== null && found.generation < hinted) parts.onUnconfirmed(hinted);
}

/** Tells the pointer, and gives it; null when it cannot be had. */
async function read(parts: ConfirmationDeps): Promise<Pointer | null> {
  const { plane, connection, pointer, signal } = parts;
  const { tenant, bundle, channel } = pointer;
  const key = `${connection.url} ${connection.token} ${tenant}/${bundle}/${channel}`;
  for (let failures = 0; !isOver(signal);) {
    try {
      const found = await reads.join(key, signal, (shared) => plane.pointer({ signal: shared }));
      if (found !== null) parts.onPointer(found);
      return found;
    } catch (error) {
      if (isOver(signal)) return null;
      const failure = failureOf(error);
      parts.onFailure(failure);
      const waitMs = nextTryMs(++failures, failure, followLimits.retries);
      if (waitMs === null) return null;
      await pause(waitMs, signal);
    }
  }
  return null;
}
