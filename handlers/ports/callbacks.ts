import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { CalloutId } from '../../core/callout.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import { type CallbackRequest, CallbackResult } from '../contract/release.ts';
import { Closed, CompiledDigests, type StageSpan, type StageTimes } from './stages.ts';

/**
 * The ports for requests to external systems and their callbacks. The rules of ports/deps.ts apply here too.
 */

/** A new callback address, which accepts one report. */
export interface NewCallback extends CalloutId {
  /** The secret that authorizes the report. The database stores only its hash. */
  readonly capability: string;
  /** The awakeable that the report resolves. Null for a check, whose report decides a gate instead. */
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** The recipient of the request, as shown in the ledger. */
  readonly detail: string;
  readonly at: number;
}

export const OpenedCallback = z.discriminatedUnion('kind', [
  /** The address is open: the caller must send the request, with this capability. */
  z.object({ kind: z.literal('open'), channel: z.string(), digest: Digest.nullable() }),
  /**
   * The request was already sent with a different capability, which is still valid. Its report will arrive.
   */
  z.object({ kind: z.literal('asked') }),
  /**
   * The report has arrived or is no longer needed. A waiting workflow should read the result from the
   * database.
   */
  z.object({ kind: z.literal('over') }),
]);
export type OpenedCallback = z.infer<typeof OpenedCallback>;

export const EndedAttempt = z.discriminatedUnion('kind', [
  CompiledDigests.extend({ kind: z.literal('compiled') }),
  z.object({ kind: z.literal('invalid'), summary: z.string() }),
  /** The attempt failed. If `final` is true, another attempt would fail in the same way. */
  z.object({ kind: z.literal('failed'), reason: z.string(), final: z.boolean() }),
  /** The release has already been closed, by a cancel, a supersede or the sweep. */
  Closed,
]);
export type EndedAttempt = z.infer<typeof EndedAttempt>;

const [Taken, ...Rejected] = CallbackResult.options;

/** The effect of a report, with the promises that the caller must resolve. */
export const RecordedCallback = z.discriminatedUnion('kind', [
  Taken.extend({
    awakeableId: z.string().nullable(),
    /** The number of the promise to resolve, as in {@link DecisionResult}. */
    decisionNumber: z.number().int().nullable(),
  }),
  ...Rejected,
]);
export type RecordedCallback = z.infer<typeof RecordedCallback>;

export interface Callbacks {
  /**
   * In one transaction, opens the callback address and records in the ledger that the request has started.
   * Does nothing if the report is no longer needed.
   */
  open(callback: NewCallback): Promise<OpenedCallback>;
  /** Returns whether the release still waits for the report. */
  isOpen(callout: CalloutId): Promise<boolean>;
  /**
   * Records that the external system has accepted the request. A ledger entry that was compensated in the
   * meantime stays compensated.
   */
  recordRequested(callout: CalloutId, detail: string, at: number): Promise<void>;
  /**
   * Records that the request failed permanently, and closes the address. Returns false if a report has
   * arrived anyway, or is no longer needed.
   */
  giveUp(callout: CalloutId, why: { reason: string; final: boolean; at: number }): Promise<boolean>;
  /** Records a report and applies its effects, in one transaction. Idempotent. */
  recordReport(id: ReleaseId, request: CallbackRequest & { at: number }): Promise<RecordedCallback>;
  /**
   * Records that the validation has passed and that the external compilation has started. Returns false if
   * the release is closed.
   */
  beginCompile(id: ReleaseId, validated: StageSpan, times: StageTimes): Promise<boolean>;
  /**
   * Returns the result of an attempt. If no report has arrived, this call ends the attempt and closes its
   * address.
   */
  endAttempt(id: ReleaseId, attempt: number, at: number): Promise<EndedAttempt>;
}

/** The result of one call. */
export type RequestResult =
  | { readonly kind: 'asked'; readonly detail: string }
  /**
   * The outcome is unknown, or the system is busy. The caller must retry, after `retryAfterMs` if it is set.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** The system rejects the request, and would reject a repeated one too. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Request extends ReleaseId {
  readonly channel: string;
  readonly deadlineMs: number;
  /** All calls of one callout have the same key. */
  readonly idempotencyKey: string;
  readonly capability: string;
}

export interface CheckCall extends Request {
  readonly check: string;
  readonly url: string;
  readonly digest: string;
}

export interface CompileCall extends Request {
  readonly attempt: number;
  readonly source: string;
  readonly rule: RemoteCompileRule;
}

/** Sends requests to external systems. A request may have arrived even if its response was lost. */
export interface OutboundCalls {
  /** Returns an unguessable secret. */
  makeCapability(): string;
  requestCheck(call: CheckCall): Promise<RequestResult>;
  requestCompile(call: CompileCall): Promise<RequestResult>;
}
