import { z } from 'zod';

import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { CalloutId } from '../../core/callout.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import { type CallbackRequest, CallbackResult } from '../contract/release.ts';
import { Closed } from './stages.ts';

/**
 * The ports for requests to external systems, and for the reports that these systems send back. The rules for
 * all ports at the top of ports/deps.ts apply.
 */

/** A new callback address, to which an external system may post one report. */
export interface NewCallback extends CalloutId {
  /** The secret in the callback URL that authorizes the report. The database stores only its hash. */
  readonly capability: string;
  /**
   * The ID of the awakeable to resolve when the report arrives. Null for a check, whose report decides a gate
   * instead.
   */
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** Describes the request in the effect ledger. */
  readonly detail: string;
  readonly at: number;
}

export const OpenedCallback = z.discriminatedUnion('kind', [
  /** The address is open, and the caller must send the request with this capability. */
  z.object({ kind: z.literal('open'), channel: z.string(), digest: Digest.nullable() }),
  /**
   * An earlier run of the handler has already sent the request, with a different capability, which is still
   * valid. The caller must not send another request.
   */
  z.object({ kind: z.literal('asked') }),
  /** The report has already arrived, or the release no longer waits for it. No request must be sent. */
  z.object({ kind: z.literal('over') }),
]);
export type OpenedCallback = z.infer<typeof OpenedCallback>;

export const EndedAttempt = z.discriminatedUnion('kind', [
  /** The compilation is stored. The release can be prepared. */
  z.object({ kind: z.literal('compiled') }),
  z.object({ kind: z.literal('invalid'), summary: z.string() }),
  /** The attempt failed. If `final` is true, another attempt would fail for the same reason. */
  z.object({ kind: z.literal('failed'), reason: z.string(), final: z.boolean() }),
  /** The release was already closed: it was cancelled or superseded, or the periodic sweep closed it. */
  Closed,
]);
export type EndedAttempt = z.infer<typeof EndedAttempt>;

const [Taken, ...Rejected] = CallbackResult.options;

/** The effect of a report, with the promises that the caller must resolve. */
export const RecordedCallback = z.discriminatedUnion('kind', [
  Taken.extend({
    awakeableId: z.string().nullable(),
    /**
     * The number of the promise to resolve, as in {@link DecisionResult}. Null if no promise must be
     * resolved.
     */
    decisionNumber: z.number().int().nullable(),
  }),
  ...Rejected,
]);
export type RecordedCallback = z.infer<typeof RecordedCallback>;

export interface Callbacks {
  /**
   * In one transaction, opens the callback address and records in the effect ledger that the request has
   * started. Does nothing if the release no longer waits for the report.
   */
  open(callback: NewCallback): Promise<OpenedCallback>;
  /** Returns whether the release still waits for the report. */
  isOpen(callout: CalloutId): Promise<boolean>;
  /**
   * Records that the external system has accepted the request. If the ledger entry was marked as compensated
   * in the meantime, it keeps that status.
   */
  recordRequested(callout: CalloutId, detail: string, at: number): Promise<void>;
  /**
   * Records that the request failed permanently, and closes the address. Returns false, and records nothing,
   * if a report has already arrived or the release no longer waits for it.
   */
  giveUp(callout: CalloutId, why: { reason: string; final: boolean; at: number }): Promise<boolean>;
  /** Records a report and applies its effects, in one transaction. Idempotent. */
  recordReport(id: ReleaseId, request: CallbackRequest & { at: number }): Promise<RecordedCallback>;
  /**
   * Returns the result of a compile attempt, and stores a successful compilation. If no report has arrived,
   * this call ends the attempt as failed and closes its callback address.
   */
  endAttempt(id: ReleaseId, attempt: number, at: number): Promise<EndedAttempt>;
}

/** The result of one HTTP request or one message to an external system. */
export type RequestResult =
  | { readonly kind: 'asked'; readonly detail: string }
  /**
   * It is unknown whether the request arrived, or the system is overloaded. The caller must send it again,
   * after `retryAfterMs` if that is set.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** The system rejected the request, and would reject a repetition too. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Request extends ReleaseId {
  readonly channel: string;
  readonly deadlineMs: number;
  /** The Idempotency-Key of the request. All attempts to send it have the same key. */
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

/** Sends requests to external systems. If a response is lost, the request may have arrived anyway. */
export interface OutboundCalls {
  /** Returns a new unguessable secret for a callback URL. */
  makeCapability(): string;
  requestCheck(call: CheckCall): Promise<RequestResult>;
  requestCompile(call: CompileCall): Promise<RequestResult>;
}
