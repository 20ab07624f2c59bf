import { z } from 'zod';

import { duration } from './duration.ts';
import { ChannelName } from './identifiers.ts';
import { gateLimits, remoteCompileLimits, tenantLimits } from './limits.ts';
import { ConflictRule } from './release.ts';
import { FreezeWindow, TimeZone } from './window.ts';

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

export const GateRule = z.union([
  z.strictObject({ approval: ApprovalRule }),
  z.strictObject({ check: CheckRule }),
  z.strictObject({ window: WindowRule }),
]);
export type GateRule = z.infer<typeof GateRule>;

export function gateNameOf(rule: GateRule): string {
  if ('approval' in rule) return rule.approval.name;
  return 'check' in rule ? rule.check.name : rule.window.name;
}

export const ChannelPolicy = z
  .strictObject({
    onConflict: ConflictRule.optional(),
    gates: z
      .array(GateRule)
      .max(gateLimits.gates)
      .refine((gates) => new Set(gates.map(gateNameOf)).size === gates.length, 'two gates have the same name')
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

/** Where `compile` happens. `within` bounds one attempt. */
export const CompileRule = z.discriminatedUnion('executor', [
  z.strictObject({ executor: z.literal('local') }),
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
