import { z } from 'zod';

import { Generation } from '../identifiers.ts';
import { Gate, GateDecision, GateState, OpenGate } from './gate.ts';

const GateDecisionView = z.object(GateDecision.shape).meta({
  id: 'GateDecision',
  description:
    'A decision on a gate. A void one no longer counts, because the live release has changed since.',
});

const shape = {
  ...Gate.shape,
  statusText: Gate.shape.statusText.meta({ description: 'What the gate waits for, or what happened.' }),
  deadlineAt: Gate.shape.deadlineAt.meta({
    description:
      'When the release is rejected unless the gate has passed. Null for windows and schedules, which only delay.',
  }),
  opensAt: Gate.shape.opensAt.meta({
    description:
      'The time at which a schedule passes, or at which the active freeze of a window ends. Null for a window without an active freeze.',
  }),
  baseGeneration: Generation.nullable().meta({
    description: 'For approvals: the generation of the pointer to which the approvals apply.',
  }),
  needed: Gate.shape.needed.meta({
    description: 'The number of approvals required; null for the other kinds.',
  }),
  decisions: z.array(GateDecisionView),
};

const example = {
  gate: 'release',
  kind: 'approval' as const,
  state: 'open' as const,
  statusText: 'waits for 1 of 2 approvals by a token with the role approver',
  openedAt: '2026-03-01T12:00:00.080Z',
  deadlineAt: '2026-03-02T12:00:00.080Z',
  opensAt: null,
  decidedAt: null,
  baseGeneration: 16,
  needed: 2,
  decisions: [
    {
      by: 'alice',
      decision: 'approve' as const,
      comment: 'Looks right',
      url: null,
      at: '2026-03-01T12:05:00.000Z',
      void: false,
    },
  ],
};

/** A gate of a release, as the API returns it. */
export const GateView = z
  .object(shape)
  .meta({ id: 'Gate', description: 'A condition that a release must pass before it becomes live.', example });
export type GateView = z.infer<typeof GateView>;

/** An open gate and its release, in the list of all open gates of a tenant. */
export const OpenGateView = z
  .object({
    ...OpenGate.shape,
    ...shape,
    author: OpenGate.shape.author.meta({ description: 'The author of the release.' }),
    correlationId: z.string(),
  })
  .meta({
    id: 'OpenGate',
    description: 'An open gate, with its release.',
    example: {
      ...example,
      bundle: 'support-bot',
      version: 12,
      channel: 'live',
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      author: 'ci',
      correlationId: 'acme:support-bot:v12',
    },
  });

/** The response to a decision that was recorded. */
export const DecisionView = z
  .object({
    gate: z.string(),
    state: GateState.meta({ description: 'The state after this decision.' }),
    decisions: z
      .number()
      .int()
      .meta({ description: 'The number of decisions on this gate that count, including this one.' }),
    needed: z.number().int(),
    replayed: z.boolean().meta({
      description:
        'True if the same request was already carried out. The response is that of the first request.',
    }),
  })
  .meta({
    id: 'DecisionResult',
    description: 'The state of a gate after a decision.',
    example: { gate: 'release', state: 'open', decisions: 1, needed: 2, replayed: false },
  });
export type DecisionView = z.infer<typeof DecisionView>;
