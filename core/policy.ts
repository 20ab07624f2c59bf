import { z } from 'zod';

import { CeleryBroker, CeleryQueueName, CeleryTaskName } from './celery-grant.ts';
import { duration } from '@pointsman/protocol/time/duration';
import { gateProblems, GateRule } from './gates/gate-rules.ts';
import { ChannelName } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import { gateLimits } from './limits/limits.ts';
import { remoteCompileLimits } from './limits/callout-limits.ts';
import { ConflictRule } from '@pointsman/protocol/releases/release';
import { httpUrl } from '@pointsman/protocol/json/storable';
import { SinkRule } from '@pointsman/protocol/sinks/sink';

const ChannelPolicy = z
  .strictObject({
    onConflict: ConflictRule.optional().meta({
      description:
        'What happens to a publish while another release of the same pointer is in flight: replace it, wait in line, or be refused. Without it, the publish chooses, and supersede is the default.',
    }),
    gates: z
      .array(GateRule)
      .max(gateLimits.gates)
      .superRefine((gates, context) => {
        for (const { path, message } of gateProblems(gates))
          context.addIssue({ code: 'custom', path, message });
      })
      .default([])
      .meta({ description: 'Conditions that a release must pass before the pointer moves.' }),
    sinks: SinkRule.optional(),
  })
  .meta({
    id: 'ChannelPolicy',
    description: 'The rules for publishes to this channel, of every bundle.',
  });

const compileWithin = duration({
  minMs: remoteCompileLimits.minWithinMs,
  maxMs: remoteCompileLimits.maxWithinMs,
});
const attempts = z.number().int().min(1).max(remoteCompileLimits.attempts).default(3).meta({
  description: 'The number of attempts before the release ends as errored.',
});
const within = compileWithin.default('10m').meta({ description: 'How long one attempt may take.' });

/** A rule that an outside compiler, not Pointsman, compiles the sources. */
export const RemoteCompileRule = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('http').meta({ description: 'An HTTP service compiles.' }),
    url: httpUrl(requestLimits.urlChars).meta({ description: 'Where Pointsman sends the job.' }),
    within,
    attempts,
  }),
  z.strictObject({
    executor: z.literal('celery').meta({ description: 'A Celery worker compiles.' }),
    broker: CeleryBroker.meta({ description: 'The broker that carries the task.' }),
    queue: CeleryQueueName.meta({ description: 'The queue. The operator lists the allowed ones.' }),
    task: CeleryTaskName.meta({ description: 'The task. The operator lists the allowed ones.' }),
    within,
    attempts,
  }),
]);
export type RemoteCompileRule = z.infer<typeof RemoteCompileRule>;

/** Where the `compile` stage runs. */
const CompileRule = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('local').meta({ description: 'Pointsman itself compiles.' }),
  }),
  ...RemoteCompileRule.options,
]);

/** The complete policy of a tenant. A channel that the policy does not list has no gates. */
export const Policy = z
  .strictObject({
    channels: z
      .record(ChannelName, ChannelPolicy)
      .refine(
        (channels) => Object.keys(channels).length <= requestLimits.channelsPerBundle,
        `at most ${requestLimits.channelsPerBundle} channels`,
      )
      .default({})
      .meta({ description: 'Rules by channel. A channel that is not listed has no rules.' }),
    compile: CompileRule.default({ executor: 'local' }).meta({
      description: 'Where sources of this tenant are compiled.',
    }),
  })
  .meta({
    id: 'Policy',
    description: 'The rules for the releases of a tenant. Only an admin can change them.',
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
