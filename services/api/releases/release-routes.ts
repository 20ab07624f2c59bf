import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { correlationId, type ReleaseId, Version } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { CancelBody } from '@pointsman/protocol/releases/release-bodies';
import { ReleaseView } from '@pointsman/protocol/releases/release-view';
import type { CancelResult } from '../../../handlers/contract/tenant.ts';
import {
  findRelease,
  inFlightPosition,
  InFlightPosition,
  listInFlight,
  listReleases,
  type ReleaseRecord,
} from '../../postgres/releases/releases.ts';
import { missingError, notFound, requireBundle, requireTenant } from '../responses/not-found.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json, ofRelease } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { BundleParams, IdempotencyKey, ReleaseParams, TenantParams } from '../requests/params.ts';
import { viewRelease } from './release-view.ts';

export function releaseEndpoints(parts: ApiDeps): Endpoint[] {
  return [
    listEndpoint(parts),
    inFlightEndpoint(parts),
    findEndpoint(parts),
    cancelEndpoint(parts),
    reconcileEndpoint(parts),
  ];
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  const byVersion = { schema: Version, of: ({ version }: { version: number }) => version };
  return endpoint({
    method: 'get',
    path: paths.releases,
    operationId: 'listReleases',
    summary: 'List releases',
    description: 'The releases of a bundle, newest first.',
    tags: ['releases'],
    may: 'read',
    params: BundleParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(ReleaseView, 'ReleasePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant, bundle }, query }) {
      await requireBundle(db, tenant, bundle);
      const page = await readPage(query, byVersion, ({ after = null, limit }) =>
        listReleases(db, tenant, bundle, { before: after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map(viewRelease) }, 200);
    },
  });
}

function inFlightEndpoint({ db }: ApiDeps): Endpoint {
  const byAge = { schema: InFlightPosition, of: inFlightPosition };
  return endpoint({
    method: 'get',
    path: paths.inFlight,
    operationId: 'listReleasesInFlight',
    summary: 'List releases in flight',
    description:
      'The releases of all bundles of the tenant that have not settled, oldest first, with what each waits for.',
    tags: ['releases'],
    may: 'read',
    params: TenantParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(ReleaseView, 'ReleasePage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant }, query }) {
      await requireTenant(db, tenant);
      const page = await readPage(query, byAge, ({ after = null, limit }) =>
        listInFlight(db, tenant, { after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map(viewRelease) }, 200);
    },
  });
}

function findEndpoint({ db }: ApiDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: paths.release,
    operationId: 'getRelease',
    summary: 'Get a release',
    description:
      'The state of a release: its stages, its outside effects, and its outcome once it has settled.',
    tags: ['releases'],
    may: 'read',
    params: ReleaseParams,
    responses: { 200: json(ReleaseView, 'The release.', ofRelease) },
    problems: ['not_found'],
    async handle({ params }) {
      return jsonResponse(viewRelease(await loadRelease(db, params)), 200);
    },
  });
}

function cancelEndpoint({ db, tenants }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.cancel,
    operationId: 'cancelRelease',
    summary: 'Cancel a release',
    description:
      'Asks a release to stop: its effects are undone, and it settles as `cancelled`. Idempotent. A release whose pointer has moved can no longer be cancelled.',
    tags: ['releases'],
    may: 'publish',
    params: ReleaseParams,
    headers: z.object({ 'idempotency-key': IdempotencyKey }),
    body: CancelBody,
    responses: { 202: json(ReleaseView, 'The release was asked to stop.', { ...ofRelease, location: true }) },
    problems: ['not_found', 'already_settled'],
    async handle({ params, body, principal, ids }) {
      const { tenant, bundle, version } = params;
      await requireTenant(db, tenant);
      const request = { bundle, version, by: principal?.name ?? 'nobody', reason: body?.reason ?? null };
      const answer = await tenants(tenant, ids).cancel(request);
      if (answer.kind !== 'cancelling') throw tooLate(answer, bundle, version);
      const release = await findRelease(db, params);
      if (release === null) throw notFound(`Release v${version} of "${bundle}" does not exist.`);
      return jsonResponse(viewRelease(release), 202, { location: pathOf(paths.release, params) });
    },
  });
}

function reconcileEndpoint({ db, tenants }: ApiDeps): Endpoint {
  return endpoint({
    method: 'post',
    path: paths.reconcile,
    operationId: 'reconcileRelease',
    summary: 'Reconcile a release',
    description:
      'Compares a release with its workflow now, as the sweep does every few seconds. A release whose workflow was killed is settled: its effects are undone unless its pointer has moved. A lost workflow is started again. A release that runs, or has settled, does not change. Idempotent.',
    tags: ['releases'],
    may: 'administer',
    params: ReleaseParams,
    responses: { 200: json(ReleaseView, 'The release afterwards.', ofRelease) },
    problems: ['not_found'],
    async handle({ params, ids, log, principal }) {
      const found = await loadRelease(db, params);
      if (found.status === 'settled') return jsonResponse(viewRelease(found), 200);
      const { tenant, bundle, version } = params;
      const { channel, source } = found;
      await tenants(tenant, ids).reconcile({ bundle, channel, version, source });
      log.info({ correlationId: correlationId(params), by: principal?.name }, 'reconciled');
      return jsonResponse(viewRelease(await loadRelease(db, params)), 200);
    },
  });
}

/** Loads a release. Throws `not_found` if it does not exist. */
async function loadRelease(db: ApiDeps['db'], id: ReleaseId): Promise<ReleaseRecord> {
  const found = await findRelease(db, id);
  if (found !== null) return found;
  throw await missingError(db, id, `release v${id.version} of "${id.bundle}"`);
}

function tooLate(
  answer: Exclude<CancelResult, { kind: 'cancelling' }>,
  bundle: string,
  version: number,
): PointsmanError {
  switch (answer.kind) {
    case 'no_release':
      return notFound(`Release v${version} of "${bundle}" does not exist.`);
    case 'settled': {
      const advice = answer.outcome === 'published' ? ' To undo it, roll back.' : '';
      return new PointsmanError('already_settled', `The release settled as ${answer.outcome}.${advice}`, {
        details: { outcome: answer.outcome },
      });
    }
  }
}
