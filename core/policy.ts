import { z } from 'zod';

import { duration } from './duration.ts';
import { ChannelName } from './identifiers.ts';
import { gateLimits, remoteCompileLimits, tenantLimits } from './limits.ts';
import { ConflictRule } from './release.ts';
import { FreezeWindow, neverOpen, TimeZone } from './window.ts';

/** The rule of every other name, since a gate's name stands in addresses and in Restate keys. */
const GATE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The gate that a release's own `notBefore` makes; no policy may use its name. */
export const SCHEDULE_GATE = 'schedule';

export const GateName = z
  .string()
  .regex(
    GATE_NAME,
    'a gate\'s name is one to 63 characters of a-z, 0-9 and "-", not beginning or ending with "-"',
  )
  .refine((name) => name !== SCHEDULE_GATE, `"${SCHEDULE_GATE}" is the gate of a release's own "notBefore"`);

/** Whose word counts at an approval. An admin's always does. */
export const ApproverRole = z.enum(['approver', 'admin']);
export type ApproverRole = z.infer<typeof ApproverRole>;

const Within = duration({ minMs: gateLimits.minWithinMs, maxMs: gateLimits.maxWithinMs });

export const ApprovalRule = z
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
export type ApprovalRule = z.infer<typeof ApprovalRule>;

export const CheckRule = z
  .strictObject({
    name: GateName,
    /** Asked by us, with a callback address; without one, somebody reports by himself. */
    url: z
      .url({ protocol: /^https?$/ })
      .max(gateLimits.urlChars)
      .optional(),
    within: Within.default('1h'),
  })
  .meta({ id: 'CheckGate', description: 'A machine’s word: reported by a CI job, or asked for at a URL.' });
export type CheckRule = z.infer<typeof CheckRule>;

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

export function gateNameOf(rule: GateRule): string {
  if ('approval' in rule) return rule.approval.name;
  return 'check' in rule ? rule.check.name : rule.window.name;
}

/** What is wrong with gates of which each is right by itself. */
function problemsOf(gates: readonly GateRule[]): { path: (string | number)[]; message: string }[] {
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

export const ChannelPolicy = z
  .strictObject({
    onConflict: ConflictRule.optional(),
    gates: z
      .array(GateRule)
      .max(gateLimits.gates)
      .superRefine((gates, context) => {
        for (const { path, message } of problemsOf(gates))
          context.addIssue({ code: 'custom', path, message });
      })
      .default([]),
  })
  .meta({
    id: 'ChannelPolicy',
    description: 'What a publish to this channel must pass, and what happens to one that meets another.',
  });
export type ChannelPolicy = z.infer<typeof ChannelPolicy>;

const compileWithin = duration({
  minMs: remoteCompileLimits.minWithinMs,
  maxMs: remoteCompileLimits.maxWithinMs,
});
const attempts = z.number().int().min(1).max(remoteCompileLimits.attempts).default(3);

/** Compiled by somebody else. `within` bounds one attempt. */
export const RemoteCompileRule = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('http'),
    url: z.url({ protocol: /^https?$/ }).max(gateLimits.urlChars),
    within: compileWithin.default('10m'),
    attempts,
  }),
  z.strictObject({
    executor: z.literal('celery'),
    broker: z.enum(['rabbitmq', 'redis']),
    queue: z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9._-]{0,62}$/,
        'a queue\'s name is 1 to 63 characters of a-z, 0-9, ".", "_" and "-"',
      ),
    task: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.]{0,127}$/, 'must be the name of a Celery task')
      .default('pointsman.compile'),
    within: compileWithin.default('10m'),
    attempts,
  }),
]);
export type RemoteCompileRule = z.infer<typeof RemoteCompileRule>;

/** Where `compile` happens. */
export const CompileRule = z.discriminatedUnion('executor', [
  z.strictObject({ executor: z.literal('local') }),
  ...RemoteCompileRule.options,
]);
export type CompileRule = z.infer<typeof CompileRule>;

/** A tenant's policy, whole. What a channel is not named in has no gates. */
export const Policy = z
  .strictObject({
    channels: z
      .record(ChannelName, ChannelPolicy)
      .refine(
        (channels) => Object.keys(channels).length <= tenantLimits.channelsPerBundle,
        `at most ${tenantLimits.channelsPerBundle} channels`,
      )
      .default({}),
    compile: CompileRule.default({ executor: 'local' }),
  })
  .meta({ id: 'Policy', description: 'What a tenant’s releases must pass. It belongs to admins.' });
export type Policy = z.infer<typeof Policy>;

export const NO_POLICY: Policy = { channels: {}, compile: { executor: 'local' } };
