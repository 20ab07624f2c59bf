import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { DeliveryView, Receipt } from '@pointsman/protocol/hooks/hook-view';
import { deliveryLimits } from '../../hooks/limits.ts';
import { listDeliveries } from '../../postgres/hooks/deliveries.ts';
import { findHook } from '../../postgres/hooks/hooks.ts';
import { missingError } from '../responses/not-found.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { readBody, skipBody } from '../requests/body.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { viewDelivery } from './hook-view.ts';
import { deliveryShares } from '../access/share-limits.ts';
import { json, ofRelease, replayed } from '../responses/openapi-responses.ts';
import { namedPageOf, PageQuery, readPage } from '../requests/pages.ts';
import { HookParams } from '../requests/params.ts';
import { authenticHook, receive, type Received } from './receive-delivery.ts';
import { Shares } from '../access/shares.ts';

export function deliveryEndpoints(parts: ApiDeps): Endpoint[] {
  return [receiveEndpoint(parts), listEndpoint(parts)];
}

function receiveEndpoint({ db, secrets, deliveries, payloads }: ApiDeps): Endpoint {
  const known = new Shares(deliveryShares);
  // Request bodies for unknown hooks count against separate memory limits and are not kept. These limits equal those of existing hooks, so
  // bodies of typical size get the same response. Only a sender that exhausts both limits can detect whether a hook exists.
  const unknown = new Shares(deliveryShares);
  return endpoint({
    method: 'post',
    path: paths.hookDeliveries,
    operationId: 'deliver',
    summary: 'Deliver a push',
    description:
      'Called by the provider. The signature over the body authenticates it: `X-Hub-Signature-256` (GitHub), `X-Gitlab-Token` (GitLab), or the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of Standard Webhooks (generic hook). The payload of a generic hook is `{ "repository", "ref", "commit", "sourceUrl", "paths"?, "message"? }`. A repeated delivery has no effect.',
    tags: ['hooks'],
    may: null,
    params: HookParams,
    ownBody: {
      required: true,
      description: `The provider's payload, at most ${deliveryLimits.bodyBytes} bytes.`,
      content: { 'application/json': { schema: { type: 'object' } } },
    },
    responses: {
      202: json(Receipt, 'The delivery was recorded, and its source is being fetched.'),
      200: json(Receipt, 'The delivery publishes nothing, or is a repetition.', {
        ...replayed,
        ...ofRelease,
      }),
    },
    problems: [
      'not_signed',
      'unknown_repository',
      'idempotency_key_reused',
      'too_large',
      'busy',
      'unavailable',
      'quota_exceeded',
    ],
    async handle({ params, request, source, log, ids, about }) {
      if (secrets === null)
        throw new PointsmanError(
          'unavailable',
          'Hooks are disabled: the operator must set POINTSMAN_SECRET_KEY.',
        );
      const { tenant, hook } = params;
      const found = await findHook(db, tenant, hook);
      const holding = (found === null ? unknown : known).open([source, tenant, hook]);
      try {
        const onChunk = (bytes: number): void => holding.take(bytes);
        const body =
          found === null
            ? bodyOf(await skipBody(request, deliveryLimits.bodyBytes, { onChunk }))
            : await readBody(request, deliveryLimits.bodyBytes, { onChunk });
        const intake = { db, secrets, reader: payloads, log };
        const raw = { ...params, headers: request.headers, body };
        const received = await receive(intake, authenticHook(intake, found, raw), raw);
        const { delivery, state, bundle, version } = received.delivery;
        if (version !== null) about({ tenant: params.tenant, bundle, version });
        if (state === 'received') await deliveries.start({ ...params, delivery }, ids, log);
        return receiptAnswer(params.tenant, received);
      } finally {
        holding.release();
      }
    },
  });
}

const ZEROS = new Uint8Array(deliveryLimits.bodyBytes);

/**
 * Returns a body of zeros with the size of the discarded body. Hashing it makes the response for an unknown hook take as long as for an
 * existing hook.
 */
function bodyOf(size: number): Uint8Array<ArrayBuffer> {
  return ZEROS.subarray(0, size);
}

function receiptAnswer(tenant: string, { kind, delivery: of, replayed: isReplayed }: Received): Response {
  const { delivery, state, bundle, version, reason } = of;
  const status = kind === 'accepted' && !isReplayed ? 202 : 200;
  const shown =
    kind === 'ignored'
      ? { kind, delivery, why: reason }
      : {
          kind,
          delivery,
          state,
          ...(version === null ? {} : { location: pathOf(paths.release, { tenant, bundle, version }) }),
          ...(reason === null ? {} : { reason }),
        };
  return jsonResponse(
    { ...shown, ...(isReplayed ? { replayed: true } : {}) },
    status,
    replayedHeader(isReplayed),
  );
}

function listEndpoint({ db }: ApiDeps): Endpoint {
  const bySeq = { schema: z.number().int(), of: ({ seq }: { seq: number }) => seq };
  return endpoint({
    method: 'get',
    path: paths.hookDeliveries,
    operationId: 'listDeliveries',
    summary: 'List deliveries',
    description: 'The deliveries of a hook and their results, newest first. Kept for 90 days after they end.',
    tags: ['hooks'],
    may: 'read',
    params: HookParams,
    query: PageQuery,
    responses: { 200: json(namedPageOf(DeliveryView, 'DeliveryPage'), 'One page.') },
    problems: ['not_found'],
    async handle({ params: { tenant, hook }, query }) {
      if ((await findHook(db, tenant, hook)) === null)
        throw await missingError(db, { tenant }, `hook "${hook}"`);
      const page = await readPage(query, bySeq, ({ after = null, limit }) =>
        listDeliveries(db, tenant, hook, { before: after, limit }),
      );
      return jsonResponse({ ...page, items: page.items.map(viewDelivery) }, 200);
    },
  });
}
