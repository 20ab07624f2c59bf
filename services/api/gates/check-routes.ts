import { z } from 'zod';

import { Conclusion } from '@pointsman/protocol/releases/gate';
import { Digest } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import { httpUrl } from '@pointsman/protocol/json/storable';
import { paths } from '@pointsman/protocol/paths';
import { DecisionView } from '@pointsman/protocol/releases/gate-view';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { FreeText } from '../requests/free-text.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { CheckParams, IdempotencyKey } from '../requests/params.ts';
import { recordDecision } from './decision.ts';

const CheckBody = z
  .strictObject({
    conclusion: Conclusion,
    summary: FreeText.optional().meta({ description: 'A human-readable summary of the result.' }),
    // People open this URL as a link in a browser. Only HTTP and HTTPS are allowed, because a browser would execute a `javascript:` URL.
    url: httpUrl(requestLimits.urlChars).optional().meta({ description: 'A link to the full result.' }),
    digest: Digest.optional().meta({
      description: 'The digest of what was checked. 409 if the release has a different one.',
    }),
  })
  .meta({
    id: 'CheckBody',
    example: {
      conclusion: 'success',
      summary: '212 conversations replayed',
      url: 'https://ci.example/runs/4711',
    },
  });

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
