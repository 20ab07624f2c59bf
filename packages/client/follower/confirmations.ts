import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import type { ControlPlane } from './control-plane.ts';
import type { Connection } from './http-request.ts';
import { type FollowFailure, failureOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { SharedFlights } from './shared-flights.ts';
import { isOver, nextTryMs, pause } from './waits.ts';

/**
 * The requests in progress, shared by all followers of this process. If a thousand followers receive the same
 * notification, they send only one request.
 */
const reads = new SharedFlights<Pointer | null>();

export interface ConfirmationDeps {
  readonly plane: ControlPlane;
  readonly connection: Connection;
  readonly pointer: PointerId;
  readonly onPointer: (pointer: Pointer) => void;
  /** Called when a broker's event names a generation that the API does not have. */
  readonly onUnconfirmed: (generation: number) => void;
  readonly onFailure: (failure: FollowFailure) => void;
  readonly signal: AbortSignal;
}

export interface Confirmations {
  /**
   * Reads the pointer from the API, in a request that starts after this call. Called when an event names a
   * new generation, or when a move may have been missed.
   */
  ask(generation?: number): void;
  idle(): Promise<void>;
}

/**
 * Confirms events from a broker by reading the pointer from the API. At any time, at most one request is
 * running, and at most one further request is waiting.
 */
export function confirmations(deps: ConfirmationDeps): Confirmations {
  let hintedGeneration = 0;
  let isRequested = false;
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    while (isRequested && !isOver(deps.signal)) {
      isRequested = false;
      const [hinted] = [hintedGeneration];
      hintedGeneration = 0;
      await confirm(deps, hinted);
    }
    running = null;
  }

  return {
    ask(generation = 0) {
      hintedGeneration = Math.max(hintedGeneration, generation);
      isRequested = true;
      running ??= run();
    },
    idle: () => running ?? Promise.resolve(),
  };
}

async function confirm(deps: ConfirmationDeps, hinted: number): Promise<void> {
  // The first request may be shared and may have started before the event arrived. If it returns an older
  // generation than the event names, a second request is sent.
  const first = await read(deps);
  const found = first !== null && first.generation < hinted ? await read(deps) : first;
  if (found !== null && found.generation < hinted) deps.onUnconfirmed(hinted);
}

/**
 * Reads the pointer from the API and passes it to the follower. Returns null if the pointer can't be read.
 */
async function read(deps: ConfirmationDeps): Promise<Pointer | null> {
  const { plane, connection, pointer, signal } = deps;
  const { tenant, bundle, channel } = pointer;
  const key = `${connection.url} ${connection.token} ${tenant}/${bundle}/${channel}`;
  for (let failures = 0; !isOver(signal);) {
    try {
      const found = await reads.join(key, signal, (shared) => plane.pointer({ signal: shared }));
      if (found !== null) deps.onPointer(found);
      return found;
    } catch (error) {
      if (isOver(signal)) return null;
      const failure = failureOf(error);
      deps.onFailure(failure);
      const waitMs = nextTryMs(++failures, failure, followLimits.retries);
      if (waitMs === null) return null;
      await pause(waitMs, signal);
    }
  }
  return null;
}
