import { z } from 'zod';

import { duration } from './duration.ts';
import { gateLimits } from './limits.ts';
import { httpUrl } from './storable.ts';
import { FreezeWindow, neverOpen, TimeZone } from './window.ts';

/** The rule of every other name, since a gate's name stands in addresses and in Restate keys. */
const GATE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The gate that a release's own `notBefore` makes; no policy may use its name. */
const SCHEDULE_GATE = 'schedule';

export const GateName = z
  .string()
  .regex(
    GATE_NAME,
    'a gate\'s name is one to 63 characters of a-z, 0-9 and "-", not beginning or ending with "-"',
  )
  .refine((name) => name !== SCHEDULE_GATE, `"${SCHEDULE_GATE}" is the gate of a release's own "notBefore"`);

/** Whose word counts at an approval. An admin's always does. */
const ApproverRole = z.enum(['approver', 'admin']);

const Within = duration({ minMs: gateLimits.minWithinMs, maxMs: gateLimits.maxWithinMs });

const ApprovalRule = z
  .strictObject({
    name: GateName,
    role: ApproverRole.default('approver'),
    count: z.number().int().min(1).max(gateLimits.approvers).default(1),
    /** Four eyes: whoever published can't approve. */
    notAuthor: z.boolean().default(false),
    within: Within.default('24h'),
  })
  .meta({
    id: 'ApprovalGate',
    description: 'People who must approve: bound to the artifact and to what is live when they do.',
  });
type ApprovalRule = z.infer<typeof ApprovalRule>;

const CheckRule = z
  .strictObject({
    name: GateName,
    /** Asked by us, with a callback address; without one, somebody reports by himself. */
    url: httpUrl(gateLimits.urlChars).optional(),
    within: Within.default('1h'),
  })
  .meta({ id: 'CheckGate', description: 'A machine’s word: reported by a CI job, or asked for at a URL.' });
type CheckRule = z.infer<typeof CheckRule>;

export const WindowRule = z
  .strictObject({
    name: GateName.default('window'),
    timezone: TimeZone,
    freeze: z.array(FreezeWindow).min(1).max(gateLimits.freezes),
  })
  .meta({
    id: 'WindowGate',
    description: 'Times in which the pointer does not move; a release waits for their end.',
  });
export type WindowRule = z.infer<typeof WindowRule>;

export type GateRule =
  { readonly approval: ApprovalRule } | { readonly check: CheckRule } | { readonly window: WindowRule };

// No union: that would say of a mistake in one of them only that it is none of them.
export const GateRule = z
  .strictObject({
    approval: ApprovalRule.optional(),
    check: CheckRule.optional(),
    window: WindowRule.optional(),
  })
  .meta({ id: 'GateRule', description: 'Exactly one of these.' })
  .transform(({ approval, check, window }, context): GateRule => {
    const given: GateRule[] = [];
    if (approval) given.push({ approval });
    if (check) given.push({ check });
    if (window) given.push({ window });
    const [only] = given;
    if (only && given.length === 1) return only;
    context.addIssue({
      code: 'custom',
      message: 'a gate is exactly one of "approval", "check" and "window"',
    });
    return z.NEVER;
  });

function gateNameOf(rule: GateRule): string {
  if ('approval' in rule) return rule.approval.name;
  return 'check' in rule ? rule.check.name : rule.window.name;
}

/** What is wrong with gates of which each is right by itself. */
export function gateProblems(gates: readonly GateRule[]): { path: (string | number)[]; message: string }[] {
  const names = gates.map(gateNameOf);
  const problems = gates.flatMap((rule, index) => {
    if (names.indexOf(gateNameOf(rule)) === index) return [];
    const path = [index, Object.keys(rule)[0] ?? '', 'name'];
    return [{ path, message: `another gate of this channel is called "${gateNameOf(rule)}"` }];
  });
  const windows = gates.flatMap((rule, index) => ('window' in rule ? [{ index, window: rule.window }] : []));
  const closed = windows.filter(({ window }) => neverOpen([window]));
  const together = neverOpen(windows.map(({ window }) => window)) ? windows.slice(-1) : [];
  for (const { index } of closed.length > 0 ? closed : together) {
    const message = `${closed.length > 0 ? 'this leaves' : 'all windows together leave'} no time of the week: nothing could ever be published`;
    problems.push({ path: [index, 'window', 'freeze'], message });
  }
  return problems;
}
