import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { CheckBody } from '@pointsman/protocol/releases/gate-bodies';
import { DecisionView } from '@pointsman/protocol/releases/gate-view';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { CheckParams, IdempotencyKey } from '../requests/params.ts';
import { recordDecision } from './decision.ts';

export function checkEndpoints(parts: ApiDeps): Endpoint[] {
  return [reportEndpoint(parts)];
}

function reportEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.check,
    operationId: 'reportCheck',
    summary: 'Report a check',
    description:
      "Reports the result of an automated check for a waiting release, under the check's name in the policy. The result applies to the artifact only: a move of the pointer does not void it. The first result counts. The author of the release cannot report it. Only an admin can report a check that has a URL.",
    tags: ['gates'],
    may: 'report',
    params: CheckParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: CheckBody,
    responses: { 201: json(DecisionView, 'The result was recorded.', { ...replayed, ...ofRelease }) },
    problems: [
      'not_found',
      'own_release',
      'already_settled',
      'gate_decided',
      'gate_expired',
      'gate_not_open',
      'digest_mismatch',
      'idempotency_key_reused',
    ],
    handle(call) {
      const { conclusion, summary = null, url = null, digest = null } = call.body;
      return recordDecision(parts, call, {
        kind: 'check',
        gate: call.params.check,
        decision: conclusion,
        digest,
        ifGeneration: null,
        comment: summary,
        url,
      });
    },
  });
}
