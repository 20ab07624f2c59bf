import { z } from 'zod';

import { Diagnostic } from '../../core/diagnostic.ts';
import { Origin } from '../../core/hook.ts';
import {
  BundleName,
  ChannelName,
  correlationId,
  Digest,
  Generation,
  TenantName,
  Version,
} from '../../core/identifiers.ts';
import { Effect, EffectState, Outcome, ReleaseStatus, Stage, StageState } from '../../core/release.ts';
import type { ReleaseRecord } from '../postgres/releases.ts';
import { GateView } from './gate-view.ts';

const StageView = z
  .object({
    stage: Stage,
    state: StageState,
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    diagnostics: z.array(Diagnostic),
  })
  .meta({ id: 'ReleaseStage', description: 'How one stage of the release went.' });

const EffectView = z
  .object({ effect: Effect, state: EffectState, detail: z.string().nullable(), at: z.string() })
  .meta({ id: 'ReleaseEffect', description: 'One outside effect of the release, and whether it stands.' });

/** A release as its readers see it. */
export const ReleaseView = z
  .object({
    tenant: TenantName,
    bundle: BundleName,
    version: Version,
    channel: ChannelName,
    correlationId: z
      .string()
      .meta({ description: 'Travels in every log line, message and row of this release.' }),
    status: ReleaseStatus,
    stage: Stage.nullable().meta({ description: 'Where a running release is.' }),
    outcome: Outcome.nullable().meta({ description: 'The last word; null until it has been said.' }),
    reason: z.string().nullable().meta({
      description:
        'Why it ended so; of a running release, why its pointer does not move although all gates have passed.',
    }),
    source: Digest.meta({ description: 'The digest of what was submitted.' }),
    digest: Digest.nullable().meta({
      description: 'The digest of what was made of it for its channel; null until it is stored.',
    }),
    generation: Generation.nullable().meta({ description: 'The move that made it live; null until then.' }),
    message: z.string().nullable(),
    notBefore: z.string().nullable().meta({ description: 'Its pointer does not move before this time.' }),
    policyVersion: z
      .number()
      .int()
      .min(0)
      .meta({ description: 'The version of the policy that it was admitted under; 0 for none.' }),
    by: z.string(),
    origin: Origin.nullable().meta({
      description: 'The push that it came from; null for what was published in another way.',
    }),
    createdAt: z.string(),
    settledAt: z.string().nullable(),
    supersededBy: Version.nullable().meta({ description: 'The release that took its place.' }),
    stages: z.array(StageView),
    effects: z.array(EffectView),
    gates: z.array(GateView).meta({
      description: "What its channel's policy wants said before it goes live; empty until it is stored.",
    }),
  })
  .meta({
    id: 'Release',
    description: 'One numbered attempt to publish a source.',
    example: {
      tenant: 'acme',
      bundle: 'support-bot',
      version: 12,
      channel: 'live',
      correlationId: 'acme:support-bot:v12',
      status: 'running',
      stage: 'compile',
      outcome: null,
      reason: null,
      source: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      digest: null,
      generation: null,
      message: 'A kinder greeting',
      notBefore: null,
      policyVersion: 0,
      by: 'admin',
      origin: null,
      createdAt: '2026-03-01T12:00:00.000Z',
      settledAt: null,
      supersededBy: null,
      stages: [
        {
          stage: 'validate',
          state: 'passed',
          startedAt: '2026-03-01T12:00:00.010Z',
          finishedAt: '2026-03-01T12:00:00.030Z',
          diagnostics: [],
        },
      ],
      effects: [],
      gates: [],
    },
  });
export type ReleaseView = z.infer<typeof ReleaseView>;

export function viewRelease(record: ReleaseRecord): ReleaseView {
  const { tenant, bundle, version, channel, ...rest } = record;
  return { tenant, bundle, version, channel, correlationId: correlationId(record), ...rest };
}

/** The address of a release. */
export function releasePath({
  tenant,
  bundle,
  version,
}: {
  tenant: string;
  bundle: string;
  version: number;
}): string {
  return `/v1/tenants/${tenant}/bundles/${bundle}/releases/${version}`;
}
