import { z } from 'zod';

import { Gate, GateState, OpenGate, Verdict } from '../../../core/gates/gate.ts';
import { correlationId, Generation } from '../../../core/identifiers.ts';

const VerdictView = z.object(Verdict.shape).meta({
  id: 'Verdict',
  description: "Somebody's word on a gate. A void one counts no more: what is live has changed since.",
});

const shape = {
  ...Gate.shape,
  says: Gate.shape.says.meta({ description: 'In words: for whom or what it waits, or what happened.' }),
  deadlineAt: Gate.shape.deadlineAt.meta({
    description:
      'When the release is rejected unless the gate has passed; null for what only delays (windows and schedules).',
  }),
  opensAt: Gate.shape.opensAt.meta({
    description: 'When a window or a schedule that waits lets the release through, as far as is known now.',
  }),
  baseGeneration: Generation.nullable().meta({
    description: 'Approvals: the generation of the pointer that they are given against.',
  }),
  needed: Gate.shape.needed.meta({ description: 'Approvals that it takes; null for the other kinds.' }),
  verdicts: z.array(VerdictView),
};

const example = {
  gate: 'release',
  kind: 'approval' as const,
  state: 'open' as const,
  says: 'waits for 1 of 2 approvals by a token with the role approver',
  openedAt: '2026-03-01T12:00:00.080Z',
  deadlineAt: '2026-03-02T12:00:00.080Z',
  opensAt: null,
  decidedAt: null,
  baseGeneration: 16,
  needed: 2,
  verdicts: [
    {
      by: 'alice',
      word: 'approve' as const,
      comment: 'Looks right',
      url: null,
      at: '2026-03-01T12:05:00.000Z',
      void: false,
    },
  ],
};

/** A gate of a release. */
export const GateView = z
  .object(shape)
  .meta({ id: 'Gate', description: 'What must be said before a release goes live.', example });

/** A gate that waits, in the list of its tenant. */
export const OpenGateView = z
  .object({
    ...OpenGate.shape,
    ...shape,
    author: OpenGate.shape.author.meta({ description: 'Who published the release.' }),
    correlationId: z.string(),
  })
  .meta({
    id: 'OpenGate',
    description: 'A gate that waits, with its release.',
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

export function viewOpenGate(tenant: string, gate: OpenGate): z.infer<typeof OpenGateView> {
  return { ...gate, correlationId: correlationId({ tenant, ...gate }) };
}

/** The answer to a word that was heard. */
export const HeardView = z
  .object({
    gate: z.string(),
    state: GateState.meta({ description: 'After this word.' }),
    said: z.number().int().meta({ description: 'Words on this gate that count, this one included.' }),
    needed: z.number().int(),
    replayed: z
      .boolean()
      .meta({ description: 'This same request was carried out before, and this is its answer.' }),
  })
  .meta({
    id: 'Heard',
    description: 'The gate, as that word has left it.',
    example: { gate: 'release', state: 'open', said: 1, needed: 2, replayed: false },
  });
