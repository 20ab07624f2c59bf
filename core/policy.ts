import { z } from 'zod';

import { duration } from './duration.ts';
import { gateProblems, GateRule } from './gate-rules.ts';
import { ChannelName } from './identifiers.ts';
import { gateLimits, remoteCompileLimits, tenantLimits } from './limits.ts';
import { ConflictRule } from './release.ts';
import { httpUrl } from './storable.ts';
import { SinkRule } from './sink.ts';

const ChannelPolicy = z
  .strictObject({
    onConflict: ConflictRule.optional(),
    gates: z
      .array(GateRule)
      .max(gateLimits.gates)
      .superRefine((gates, context) => {
        for (const { path, message } of gateProblems(gates))
          context.addIssue({ code: 'custom', path, message });
      })
      .default([]),
    sinks: SinkRule.optional(),
  })
  .meta({
    id: 'ChannelPolicy',
    description: 'What a publish to this channel must pass, and what happens to one that meets another.',
  });

const compileWithin = duration({
  minMs: remoteCompileLimits.minWithinMs,
  maxMs: remoteCompileLimits.maxWithinMs,
});
const attempts = z.number().int().min(1).max(remoteCompileLimits.attempts).default(3);

/** Compiled by somebody else. `within` bounds one attempt. */
export const RemoteCompileRule = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('http'),
    url: httpUrl(gateLimits.urlChars),
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
const CompileRule = z.discriminatedUnion('executor', [
  z.strictObject({ executor: z.literal('local') }),
  ...RemoteCompileRule.options,
]);

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
  .meta({
    id: 'Policy',
    description: 'What a tenant’s releases must pass. It belongs to admins.',
    example: {
      channels: {
        live: {
          onConflict: 'queue',
          gates: [
            { approval: { name: 'release', role: 'approver', count: 1, notAuthor: true, within: '24h' } },
            { check: { name: 'e2e', within: '30m' } },
            { window: { name: 'window', timezone: 'Europe/Oslo', freeze: ['Fri 16:00 - Mon 07:00'] } },
          ],
        },
      },
      compile: { executor: 'local' },
    },
  });
export type Policy = z.infer<typeof Policy>;

export const NO_POLICY: Policy = { channels: {}, compile: { executor: 'local' } };
