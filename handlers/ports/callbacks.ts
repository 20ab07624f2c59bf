import type { CalloutId } from '../../core/callout.ts';
import type { ReleaseId } from '../../core/identifiers.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { CallbackResult, CallbackRequest } from '../contract/release.ts';
import type { CompiledDigests, StageSpan, StageTimes } from './stages.ts';

/** What the handlers need for asking somebody else and hearing the answer, as small interfaces: see deps.ts. */

/** An address that is given out for one answer. */
export interface NewCallback extends CalloutId {
  /** Whoever has it may answer. The record keeps its hash. */
  readonly capability: string;
  /** Null where nobody waits with one: a check's word settles a gate. */
  readonly awakeableId: string | null;
  readonly deadlineMs: number;
  /** For the ledger: whom it is asked of. */
  readonly detail: string;
  readonly at: number;
}

export type OpenedCallback =
  /** Ask, with this capability. */
  | { readonly kind: 'open'; readonly channel: string; readonly digest: string | null }
  /** It was asked under another capability, which still holds: its answer will come. */
  | { readonly kind: 'asked' }
  /** The answer is there, or nobody needs it any more: whoever waits should look. */
  | { readonly kind: 'over' };

export type EndedAttempt =
  | ({ readonly kind: 'compiled' } & CompiledDigests)
  | { readonly kind: 'invalid'; readonly summary: string }
  /** `final`: another attempt would end in the same way. */
  | { readonly kind: 'failed'; readonly reason: string; readonly final: boolean }
  /** The release has been closed by somebody else. */
  | { readonly kind: 'closed' };

/** Who has to be told that something was said. */
export type AnsweredCallback =
  | (Extract<CallbackResult, { kind: 'taken' }> & {
      readonly awakeableId: string | null;
      /** As in VerdictAnswer. */
      readonly wake: number | null;
    })
  | Exclude<CallbackResult, { kind: 'taken' }>;

export interface Callbacks {
  /** In one transaction: opens the address, unless nobody needs it, and writes to the ledger that the request has begun. */
  open(callback: NewCallback): Promise<OpenedCallback>;
  /** Whether anybody still waits for an answer. */
  isOpen(callout: CalloutId): Promise<boolean>;
  /** The request has arrived. What has been undone meanwhile stays undone. */
  recordRequested(callout: CalloutId, detail: string, at: number): Promise<void>;
  /**
   * The request has not arrived, and will not: the address takes nothing more. False when it was answered all the same, or nobody
   * waits for it any more.
   */
  giveUp(callout: CalloutId, why: { reason: string; final: boolean; at: number }): Promise<boolean>;
  /** Decides about what was said, in one transaction with all that it changes. The same once more finds itself. */
  answer(id: ReleaseId, request: CallbackRequest & { at: number }): Promise<AnsweredCallback>;
  /** The validation has passed, and compiling has begun elsewhere. False for a release that is closed. */
  beginCompile(id: ReleaseId, validated: StageSpan, times: StageTimes): Promise<boolean>;
  /** Says how an attempt has ended. One without an answer ends by this, and its address takes nothing more. */
  endAttempt(id: ReleaseId, attempt: number, at: number): Promise<EndedAttempt>;
}

/** What became of one call. */
export type RequestResult =
  | { readonly kind: 'asked'; readonly detail: string }
  /** Nobody knows, or not now: try again, after that time if one is given. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /** Another call would be refused, too. */
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

/** The world outside: one call each, which may arrive although it is not answered. */
export interface OutboundCalls {
  /** That nobody can guess. */
  makeCapability(): string;
  requestCheck(call: CheckCall): Promise<RequestResult>;
  requestCompile(call: CompileCall): Promise<RequestResult>;
}
