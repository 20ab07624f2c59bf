import { Diagnosis } from '@pointsman/protocol/findings/finding';
import { paths } from '@pointsman/protocol/paths';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json } from '../responses/openapi-responses.ts';
import { jsonResponse } from '../responses/responses.ts';

/** The endpoint that examines the server and returns the findings, for operators. */
export function diagnosisEndpoints({ examine }: ApiDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: paths.diagnosis,
      operationId: 'getDiagnosis',
      summary: 'Examine the server',
      description:
        'Only for admins of the platform. Examines everything that does not belong to a single tenant: PostgreSQL, Restate and its stuck invocations, the stores as the worker reaches them, releases that have been in flight for a long time, and the disks of `npm start`. A check that fails or hangs is a finding. Takes milliseconds, or up to a minute while a store hangs. Concurrent requests share one examination. `pointsman doctor` adds the sinks and hooks of tenants.',
      tags: ['process'],
      // The path contains no tenant. Access control therefore refuses a token that is limited to one tenant.
      may: 'administer',
      responses: { 200: json(Diagnosis, 'The findings, the most severe first.') },
      handle: async () => jsonResponse({ findings: await examine() }, 200),
    }),
  ];
}
