import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { CalloutId } from '../../core/callout.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import { type CallbackRequest, CallbackResult } from '../contract/release.ts';
import { Closed, CompiledDigests, type StageSpan, type StageTimes } from './stages.ts';

/**
 * Interfaces for requests to external systems and their callbacks. The rules of ports/deps.ts apply here too.
 */

/** A callback address that accepts one report. */
export interface NewCallback extends CalloutId {
  /** The bearer of this secret may report. The record stores only its hash. */
  readonly capability: string;
  /** Null for a check, whose result resolves a gate instead of an awakeable. */
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** Shown in the ledger: the recipient of the request. */
  readonly detail: string;
  readonly at: number;
}

export const OpenedCallback = z.discriminatedUnion('kind', [
  /** Send the request, with this capability. */
  z.object({ kind: z.literal('open'), channel: z.string(), digest: Digest.nullable() }),
  /** The request was sent with another capability, which is still valid. Its report will arrive. */
  z.object({ kind: z.literal('asked') }),
  /** The report has arrived, or it is no longer needed. A waiting workflow should read the record. */
  z.object({ kind: z.literal('over') }),
]);
export type OpenedCallback = z.infer<typeof OpenedCallback>;

export const EndedAttempt = z.discriminatedUnion('kind', [
  CompiledDigests.extend({ kind: z.literal('compiled') }),
  z.object({ kind: z.literal('invalid'), summary: z.string() }),
  /** `final`: another attempt would end in the same way. */
  z.object({ kind: z.literal('failed'), reason: z.string(), final: z.boolean() }),
  /** The release has already been closed, by a cancel, a supersede or the sweep. */
  Closed,
]);
export type EndedAttempt = z.infer<typeof EndedAttempt>;

const [Taken, ...Rejected] = CallbackResult.options;

/** The result of a report, with the promises to resolve. */
export const AnsweredCallback = z.discriminatedUnion('kind', [
  Taken.extend({
    awakeableId: z.string().nullable(),
    /** As in DecisionResult. */
    decisionNumber: z.number().int().nullable(),
  }),
  ...Rejected,
]);
export type AnsweredCallback = z.infer<typeof AnsweredCallback>;

export interface Callbacks {
  /**
   * In one transaction: opens the address, unless the report is no longer needed, and records in the ledger
   * that the request has started.
   */
  open(callback: NewCallback): Promise<OpenedCallback>;
  /** Whether the release still waits for a report. */
  isOpen(callout: CalloutId): Promise<boolean>;
  /**
   * Records that the external system has accepted the request. An entry that was undone in the meantime stays
   * undone.
   */
  recordRequested(callout: CalloutId, detail: string, at: number): Promise<void>;
  /**
   * Records that the request failed permanently, and closes the address. Returns false when a report has
   * arrived anyway, or when it is no longer needed.
   */
  giveUp(callout: CalloutId, why: { reason: string; final: boolean; at: number }): Promise<boolean>;
  /** Evaluates a report in one transaction with all its effects. Idempotent. */
  answer(id: ReleaseId, request: CallbackRequest & { at: number }): Promise<AnsweredCallback>;
  /**
   * Records that the validation has passed and that an external compile has started. Returns false for a
   * closed release.
   */
  beginCompile(id: ReleaseId, validated: StageSpan, times: StageTimes): Promise<boolean>;
  /**
   * Returns how an attempt ended. An attempt without a report ends with this call, and its address is closed.
   */
  endAttempt(id: ReleaseId, attempt: number, at: number): Promise<EndedAttempt>;
}

/** The result of one call. */
export type RequestResult =
  | { readonly kind: 'asked'; readonly detail: string }
  /** The outcome is unknown, or the system is busy. Retry, after this time if it is given. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** The system would reject a repeated call, too. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Request extends ReleaseId {
  readonly channel: string;
  readonly deadlineMs: number;
  /** The same for every call of one callout. */
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

/** Sends requests to external systems. A request may arrive even if its response is lost. */
export interface OutboundCalls {
  /** Returns an unguessable secret. */
  makeCapability(): string;
  requestCheck(call: CheckCall): Promise<RequestResult>;
  requestCompile(call: CompileCall): Promise<RequestResult>;
}
