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
 * The dependencies of the handlers. services/ implements the interfaces of this folder, and services/worker
 * passes them to the handlers.
 *
 * Rules for all ports: each method is the body of one durable step, so it takes plain data and is idempotent.
 * It throws an error only if a retry may succeed, and returns every expected outcome as a value. Values that
 * come from the database have a schema, with which services/postgres parses them.
 */

/**
 * The state of a release's workflow in Restate. `unknown`: Restate does not list the workflow. The workflow
 * may exist anyway, because it may be in transit between two partitions or the server may just have started.
 */
export type InvocationState = 'running' | 'ended' | 'unknown';

export interface Invocations {
  stateOf(id: ReleaseId): Promise<InvocationState>;
  /**
   * Deletes the Restate state of a workflow that has ended. A workflow that was killed has left its
   * `waitingFor` state behind.
   */
  clearState(id: ReleaseId): Promise<void>;
}

/**
 * The wall clock, in epoch milliseconds. Handlers read it only inside durable steps. The result is journaled,
 * so a replay gets the same time.
 */
export interface Clock {
  now(): number;
}

export interface Systems {
  /** Checks whether each system would accept a write. Each check has a time limit. Never rejects. */
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
