import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { ApprovalBody } from '@pointsman/protocol/releases/gate-bodies';
import { DecisionView } from '@pointsman/protocol/releases/gate-view';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { IdempotencyKey, ReleaseParams } from '../requests/params.ts';
import { recordDecision } from './decision.ts';

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
