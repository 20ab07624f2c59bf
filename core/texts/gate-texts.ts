import { z } from 'zod';

import { GateKind, GateState } from '@pointsman/protocol/releases/gate';

/**
 * The data from which the status text of a gate is formatted. The SQL function `gate_facts` in
 * functions/decisions.sql returns it.
 */
export const GateFacts = z.object({
  gate: z.string(),
  kind: GateKind,
  state: GateState,
  /** For an approval gate: the number of required approvals. `approvals` is the number given so far. */
  count: z.number().int().nullable(),
  approvals: z.number().int().nullable(),
  role: z.string().nullable(),
  /** True if the author of the release may not approve it. */
  notAuthor: z.boolean(),
  author: z.string(),
  /**
   * Whether Pointsman has sent the request to the check's URL. Null for a check without a URL, and for other
   * kinds of gates.
   */
  requested: z.boolean().nullable(),
  /** For a window gate: its time zone. */
  timezone: z.string().nullable(),
  /** For a schedule gate: the earliest time of the release. */
  notBefore: z.string().nullable(),
  deadlineAt: z.string().nullable(),
  /** The decision that failed the gate. */
  failedBy: z.object({ by: z.string(), comment: z.string().nullable() }).nullable(),
});
export type GateFacts = z.infer<typeof GateFacts>;

/**
 * Describes what an open gate waits for, without the deadline. For a decided gate, describes why it failed,
 * or only its state.
 */
export function gateText(facts: GateFacts): string {
  switch (facts.state) {
    case 'open':
      return openGateText(facts);
    case 'failed':
    case 'expired':
      return gateFailureText(facts);
    case 'passed':
    case 'closed':
      return facts.state;
  }
}

/** Describes why this gate rejects the release. */
export function gateFailureText({ gate, kind, state, deadlineAt, failedBy }: GateFacts): string {
  if (state === 'expired') return `the gate "${gate}" was not decided before its deadline, ${deadlineAt}`;
  const { by, comment } = failedBy ?? { by: 'an unknown caller', comment: null };
  const more = comment === null ? '' : `: ${comment}`;
  return kind === 'approval'
    ? `rejected by ${by} at the gate "${gate}"${more}`
    : `the check "${gate}" failed, reported by ${by}${more}`;
}

function openGateText(facts: GateFacts): string {
  switch (facts.kind) {
    case 'approval':
      return approvalText(facts);
    case 'check':
      return checkText(facts);
    case 'schedule':
      return `waits until ${facts.notBefore}, as its author asked`;
    case 'window':
      return `waits for the end of a freeze (${facts.timezone})`;
  }
}

function approvalText({ count, approvals, role, notAuthor, author }: GateFacts): string {
  const needed = count ?? 1;
  const missing = needed - (approvals ?? 0);
  const plural = needed === 1 ? '' : 's';
  const fourEyes = notAuthor ? ` (not ${author}, who published it)` : '';
  return `waits for ${missing} of ${needed} approval${plural} by a token with the role ${role}${fourEyes}`;
}

function checkText({ gate, requested }: GateFacts): string {
  if (requested === null) return `waits for the check "${gate}" to be reported`;
  return `waits for the check "${gate}", which ${requested ? 'was requested' : 'is being requested'}`;
}

/** Describes a window gate that stays open only because other gates are not decided yet. */
export function noFreezeText(timezone: string): string {
  return `no freeze is active (${timezone})`;
}

/** Describes a closed window, and when it opens if that is known. */
export function closedWindowText(name: string, opensAt: string | null): string {
  return opensAt === null ? `waits for the window "${name}"` : `waits for the end of a freeze, ${opensAt}`;
}

export function neverOpenText(name: string): string {
  return `the window "${name}" does not open in the time that a release may wait`;
}
