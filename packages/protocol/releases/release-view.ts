import { z } from 'zod';

import { Diagnostic } from './diagnostic.ts';
import { Origin } from '../hook.ts';
import { BundleName, ChannelName, Digest, Generation, TenantName, Version } from '../identifiers.ts';
import {
  Effect,
  EffectState,
  Outcome,
  ReleaseStatus,
  Stage,
  StageState,
  Verification,
  WaitingFor,
} from './release.ts';
import { GateView } from './gate-view.ts';

export const StageView = z
  .object({
    stage: Stage,
    state: StageState,
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    diagnostics: z.array(Diagnostic),
  })
  .meta({ id: 'ReleaseStage', description: 'The state of one stage of the release.' });
export type StageView = z.infer<typeof StageView>;

/**
 * A stage, as the event stream of a release contains it. If the stage has just started, the end and the
 * diagnostics are missing.
 */
export const StageEvent = StageView.partial({ finishedAt: true, diagnostics: true });

const EffectView = z
  .object({ effect: Effect, state: EffectState, detail: z.string().nullable(), at: z.string() })
  .meta({
    id: 'ReleaseEffect',
    description: 'An effect of the release on an outside system, and its state.',
  });

const WaitingForView = z.object(WaitingFor.shape).meta({
  id: 'WaitingFor',
  description: 'A condition that a release waits for.',
  example: {
    kind: 'approval',
    name: 'release',
    text: 'waits for 1 of 1 approval by a token with the role approver',
    until: '2026-03-02T12:00:00.080Z',
  },
});

/** A release, as the API returns it. */
export const ReleaseView = z
  .object({
    tenant: TenantName,
    bundle: BundleName,
    version: Version,
    channel: ChannelName,
    correlationId: z
      .string()
      .meta({ description: 'Identifies this release in every log line, message and row.' }),
    status: ReleaseStatus.meta({
      description:
        '`queued`: another release of the pointer runs first. `running`: it is in one of its stages. `waiting`: it waits for what `waitingFor` lists. `settled`: it has an outcome.',
    }),
    waitingFor: z.array(WaitingForView).meta({
      description: 'The conditions that a queued or waiting release waits for; empty otherwise.',
    }),
    stage: Stage.nullable().meta({ description: 'The stage of a running or waiting release.' }),
    outcome: Outcome.nullable().meta({ description: 'How the release ended; null until it has settled.' }),
    verification: Verification.nullable().meta({
      description:
        'Whether a published release was verified after its move; null for other releases. Verification does not exist yet: always `skipped`.',
    }),
    reason: z.string().nullable().meta({ description: 'The reason for the outcome.' }),
    source: Digest.meta({ description: 'The digest of the source.' }),
    digest: Digest.nullable().meta({
      description: "The digest of the artifact for the release's channel; null until it is stored.",
    }),
    generation: Generation.nullable().meta({
      description: 'The generation of the move that made the release live; null until then.',
    }),
    sameAs: Version.nullable().meta({
      description:
        'If the outcome is `unchanged`: the version that was live with the same artifact. Null for other releases.',
    }),
    message: z.string().nullable(),
    notBefore: z
      .string()
      .nullable()
      .meta({ description: 'The release does not become live before this time.' }),
    policyVersion: z.number().int().min(0).meta({
      description: 'The version of the policy when the release was admitted; 0 if there was no policy.',
    }),
    by: z.string(),
    origin: Origin.nullable().meta({
      description: 'The push that caused the release; null for any other publish.',
    }),
    createdAt: z.string(),
    settledAt: z.string().nullable(),
    supersededBy: Version.nullable().meta({ description: 'The release that superseded this one.' }),
    stages: z.array(StageView),
    effects: z.array(EffectView),
    gates: z.array(GateView).meta({
      description: 'The gates of the release’s channel; empty until the artifact is stored.',
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
      waitingFor: [],
      stage: 'compile',
      outcome: null,
      verification: null,
      reason: null,
      source: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      digest: null,
      generation: null,
      sameAs: null,
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
