import type { ReleaseId } from '../../core/identifiers.ts';
import type { GateKind } from '../../core/gates/gate.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { Effect, FailedOutcome, Outcome, Stage } from '../../core/releases/release.ts';
import type { StoredBundle } from '../../core/releases/slot.ts';
import type { Callbacks, OutboundCalls } from './callbacks.ts';
import type { Deliveries, Reports } from './hooks.ts';
import type { SinkWake } from '../contract/sink.ts';
import type { Sinks } from './sinks.ts';
import type { CompiledDigests, StageSpan, StageTimes } from './stages.ts';
import type { SystemsReport } from '../contract/worker.ts';
import type {
  CancelResult,
  HoldResult,
  HoldRequest,
  MoveResult,
  MoveRequest,
  PublishResult,
  PublishRequest,
  SwapResult,
} from '../contract/tenant.ts';
import type { DecisionResult, DecisionRequest } from '../contract/release.ts';

/**
 * What the handlers need of the world, as small interfaces that services/ implement and services/worker hands in. Each method is
 * one call of one durable step: it takes plain data, may be repeated at any time with the same effect as once, throws only for
 * what is worth a retry, and answers everything that is expected as a value.
 */

/** What the tenant's object decided from its durable state about a publish; the store makes it fact, or says why it can't. */
export interface AdmitRequest extends PublishRequest {
  readonly tenant: string;
  readonly version: number;
  readonly at: number;
  /** Start at once, wait in line, or refuse for the release in flight. */
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /** The release that holds the slot, if any: asked about, in case it has ended without a word. */
  readonly inFlight: number | null;
  /** Releases that this one replaces: in flight (gets an intent), or still in line (settled at once). */
  readonly supersedes: readonly number[];
}

export type Admission =
  | PublishResult
  /** The version is taken: the durable state is behind the record. */
  | { readonly kind: 'version_taken' }
  /** The release in the slot has settled; nobody told us yet. */
  | { readonly kind: 'slot_free' };

export interface Admissions {
  /**
   * In one transaction: recognises a repeated request by its idempotency key; refuses for a hold or a moved pointer; or numbers the
   * release (status `running`, or `waiting` in line), marks those that it supersedes, and writes the audit row.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** The record's own view of a bundle, from which lost durable state is made anew. */
  readBundle(tenant: string, bundle: string): Promise<StoredBundle>;
  /** A release in line starts: `waiting` becomes `running`. False when it has settled meanwhile and must not start. */
  leaveQueue(id: ReleaseId): Promise<boolean>;
  /** Marks a running release for cancellation, or settles one that still waits in line. */
  requestCancel(
    id: ReleaseId,
    request: { by: string; reason: string | null; at: number },
  ): Promise<CancelResult>;
}

export type ValidateStageResult =
  /** With an executor, only as far as is known here: the rest is for whoever compiles. Absent: compiled here. */
  ({ readonly kind: 'valid'; readonly executor?: RemoteCompileRule } & StageSpan) | Invalid | Broken;

/** A rule refuses the release: it ends as rejected. */
interface Invalid {
  readonly kind: 'invalid';
  readonly summary: string;
}

/** Past a bound or impossible for a reason that a retry will not change. */
interface Broken {
  readonly kind: 'broken';
  readonly reason: string;
}

/** Invalid where the tenant's quota has no room for what was compiled. */
export type CompileStageResult = ({ readonly kind: 'compiled' } & CompiledDigests) | Invalid | Broken;

/** The release has been closed by somebody else: no forward effect may happen any more. */
interface Closed {
  readonly kind: 'closed';
}

/** `gated`: something has to be said before the swap. */
export type StoreStageResult =
  { readonly kind: 'stored'; readonly digest: string; readonly gated: boolean } | Closed | Broken;

export interface Stages {
  /** Checks the whole source. What is wrong is recorded with its places; that nothing is, with the next stage. */
  validate(id: ReleaseId, source: string, times: StageTimes): Promise<ValidateStageResult>;
  /** Compiles and uploads the blobs, each under its digest: harmless when repeated, late or in vain. */
  compile(
    id: ReleaseId,
    source: string,
    validated: StageSpan,
    times: StageTimes,
  ): Promise<CompileStageResult | Closed>;
  /**
   * In one transaction, unless the release is closed: checks that every blob of the manifests is stored, makes the artifacts known,
   * claims them for the release and writes the ledger. The answer's digest is that of the release's own channel.
   */
  store(
    id: ReleaseId,
    channel: string,
    compiled: CompiledDigests,
    times: StageTimes,
  ): Promise<StoreStageResult>;
}

/** A gate that waits, for the workflow: what to say of it, and until when it waits. */
export interface WaitingGate {
  readonly gate: string;
  readonly kind: GateKind;
  /** A check that Pointsman has to ask for. */
  readonly url: string | null;
  readonly says: string;
  /** The end of the wait: the gate has expired then, or, for a time that was waited for, has passed. */
  readonly deadlineMs: number;
}

/** Where a release stands with its gates. */
export type GateStatus =
  /** The next word is numbered `wakes` + 1. */
  | { readonly kind: 'waiting'; readonly wakes: number; readonly gates: readonly WaitingGate[] }
  | { readonly kind: 'failed'; readonly reason: string }
  /** All is said, and the pointer may move now. */
  | { readonly kind: 'passed' }
  | Closed;

export interface Gates {
  /** Says where the release stands. What is past its deadline has expired by this; approvals given while something else was live are void. */
  evaluate(id: ReleaseId, at: number): Promise<GateStatus>;
  /** One word, in one transaction with all that it changes. Repeated under its key it finds itself. */
  recordDecision(id: ReleaseId, request: DecisionRequest & { at: number }): Promise<DecisionResult>;
}

export interface MoveByRelease extends ReleaseId {
  readonly channel: string;
  /** The generation that the durable state believes in: the compare of the compare-and-set. */
  readonly expectedGeneration: number;
  readonly at: number;
}

export type PointerMove =
  | Exclude<SwapResult, { kind: 'moved' }>
  | (Extract<SwapResult, { kind: 'moved' }> & Partial<SinkNotifications>)
  /** The record's generation is another than the expected one, and the release itself asked for none: adopt it and try again. */
  | { readonly kind: 'state_behind'; readonly generation: number };

/** Whom a move is to be told to, beside its answer. Journals of before there were sinks have none. */
export interface SinkNotifications {
  readonly wakes: readonly SinkWake[];
}

export interface Moves {
  /** The swap's one transaction, which tells those who listen. Finds its own move when repeated. */
  moveByRelease(request: MoveByRelease): Promise<PointerMove>;
  /** Promote and roll back, in one transaction. */
  moveByHand(
    request: MoveRequest & { tenant: string; at: number },
  ): Promise<MoveResult & Partial<SinkNotifications>>;
  setHold(request: HoldRequest & { tenant: string; at: number }): Promise<HoldResult>;
  /** Writes the ledger: the move has told of itself. */
  announce(id: ReleaseId, times: StageTimes): Promise<void>;
}

export type Closing =
  /** From now on nothing forward happens for this release; these effects stand and have to be undone, last one first. */
  | {
      readonly kind: 'closing';
      readonly outcome: FailedOutcome;
      readonly reason: string;
      readonly effects: readonly Effect[];
    }
  /** Too late: the pointer has moved, so the release goes on forward. */
  | { readonly kind: 'moved'; readonly generation: number; readonly seq: number }
  | { readonly kind: 'settled'; readonly outcome: Outcome; readonly reason: string | null };

export interface CloseRequest {
  readonly outcome: FailedOutcome;
  /** Gives way to what was asked for, if anything was: a supersede, or a cancel with its reason. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
  /** Where it stopped; null where nobody knows. */
  readonly stage: Stage | null;
  readonly at: number;
}

export interface Settlements {
  close(id: ReleaseId, request: CloseRequest): Promise<Closing>;
  /** Undoes one effect of a closed release, if it stands. */
  undo(id: ReleaseId, effect: Effect): Promise<void>;
  noteUndoFailed(id: ReleaseId, effect: Effect, reason: string): Promise<void>;
  /** The last word: what the close decided, or `published` for a release whose pointer moved. Says what stands when repeated. */
  settle(id: ReleaseId, at: number): Promise<{ outcome: Outcome; reason: string | null }>;
}

/**
 * What Restate knows of a release's workflow. Only `ended` proves something: a workflow that Restate does not show may be on its way
 * between two partitions, or the server may just have started.
 */
export type InvocationState = 'running' | 'ended' | 'unknown';

export interface Invocations {
  stateOf(id: ReleaseId): Promise<InvocationState>;
  /** Removes the state of a workflow that has ended: one that was killed leaves behind what it was waiting for. */
  clearState(id: ReleaseId): Promise<void>;
}

/** Wall time, in epoch milliseconds. Read inside durable steps only, whose results are journaled. */
export interface Clock {
  now(): number;
}

export interface Systems {
  /** Tries what a write to each system needs. Ends within the systems' own limits, and never rejects. */
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
