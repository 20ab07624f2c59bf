import { z } from 'zod';

import { Decision } from '@pointsman/protocol/releases/gate';
import { Digest, Generation, GateName } from '@pointsman/protocol/identifiers';
import { paths } from '@pointsman/protocol/paths';
import { DecisionView } from '@pointsman/protocol/releases/gate-view';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { FreeText } from '../requests/free-text.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, ReleaseParams } from '../requests/params.ts';
import { recordDecision } from './decision.ts';

const ApprovalBody = z
  .strictObject({
    decision: Decision,
    digest: Digest.meta({
      description: "The release's `digest`. The decision applies to this artifact only.",
    }),
    generation: Generation.optional().meta({
      description:
        'The generation of the pointer that the release was compared with. 412 with the current pointer if it has moved since.',
    }),
    gate: GateName.optional().meta({
      description: 'The name of the gate, required if the release waits for several approvals.',
    }),
    comment: FreeText.optional().meta({ description: 'A human-readable reason.' }),
  })
  .meta({
    id: 'ApprovalBody',
    example: {
      decision: 'approve',
      digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      generation: 16,
      comment: 'Looks right',
    },
  });

export function approvalEndpoints(parts: ApiDeps): Endpoint[] {
  return [approveEndpoint(parts)];
}

function approveEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.approvals,
    operationId: 'approveRelease',
    summary: 'Approve or reject a release',
    description:
      'Decides an approval gate of a waiting release. The decision applies to one artifact and to the generation of the pointer at that moment: if the pointer moves before the release does, the approval is void and the gate opens again. A person decides a gate once, and a decided gate cannot be changed. One rejection is enough.',
    tags: ['gates'],
    may: 'approve',
    params: ReleaseParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: ApprovalBody,
    responses: { 201: json(DecisionView, 'The decision was recorded.', { ...replayed, ...ofRelease }) },
    problems: [
      'own_release',
      'not_found',
      'already_settled',
      'gate_decided',
      'already_decided',
      'gate_expired',
      'gate_not_open',
      'digest_mismatch',
      'pointer_moved',
      'idempotency_key_reused',
      'which_gate',
    ],
    handle(call) {
      const { decision, digest, generation = null, gate = null, comment = null } = call.body;
      return recordDecision(parts, call, {
        kind: 'approval',
        gate,
        decision,
        digest,
        ifGeneration: generation,
        comment,
        url: null,
      });
    },
  });
}
