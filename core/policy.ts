import { z } from 'zod';

import { CeleryBroker, CeleryQueueName, CeleryTaskName } from './celery-grant.ts';
import { duration } from './duration.ts';
import { gateProblems, GateRule } from './gate-rules.ts';
import { ChannelName } from './identifiers.ts';
import { gateLimits, tenantLimits } from './limits.ts';
import { remoteCompileLimits } from './callout-limits.ts';
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
    broker: CeleryBroker,
    queue: CeleryQueueName,
    task: CeleryTaskName,
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
