import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Admissions } from './admissions.ts';
import type { Callbacks, OutboundCalls } from './callbacks.ts';
import type { Gates } from './gates.ts';
import type { Deliveries, Reports } from './hooks.ts';
import type { Moves } from './moves.ts';
import type { Settlements } from './settlements.ts';
import type { Sinks } from './sinks.ts';
import type { Stages } from './stages.ts';
import type { SystemsReport } from '../contract/worker.ts';

/**
 * What the handlers need from outside. services/ implements the interfaces of this folder, and
 * services/worker passes them in. Each method is the body of one durable step. It takes plain data and is
 * idempotent. It throws only for errors that are worth a retry, and returns every expected outcome as a
 * value. The values that the record returns are stated as schemas: services/postgres parses with them, or
 * with rows derived from them.
 */

/**
 * The state of a release's workflow in Restate. Only `ended` is conclusive. A workflow that Restate does not
 * list may be in transit between two partitions, or the server may just have started.
 */
export type InvocationState = 'running' | 'ended' | 'unknown';

export interface Invocations {
  stateOf(id: ReleaseId): Promise<InvocationState>;
  /** Removes the state of a workflow that has ended. A killed workflow leaves its waiting state behind. */
  clearState(id: ReleaseId): Promise<void>;
}

/** Wall time, in epoch milliseconds. Read only inside durable steps, whose results are journaled. */
export interface Clock {
  now(): number;
}

export interface Systems {
  /**
   * Tries what a write to each system needs. Ends within the time limits of the systems, and never rejects.
   */
  check(): Promise<SystemsReport>;
}

export interface Deps {
  readonly clock: Clock;
  readonly admissions: Admissions;
  readonly stages: Stages;
  readonly gates: Gates;
  readonly callbacks: Callbacks;
  readonly outboundCalls: OutboundCalls;
  readonly moves: Moves;
  readonly settlements: Settlements;
  readonly invocations: Invocations;
  readonly deliveries: Deliveries;
  readonly reports: Reports;
  readonly sinks: Sinks;
  readonly systems: Systems;
}
