import { z } from 'zod';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { PointsmanError } from '@pointsman/protocol/errors';
import { deleteSink, findSink, putSink, rotateSink } from '../../postgres/sinks/sinks.ts';
import { type SecretBox, SecretLostError } from '../../secrets/secret-box.ts';
import { newWebhookSecret } from '@pointsman/protocol/webhooks/webhook-secret';
import { paths } from '@pointsman/protocol/paths';
import { RotateBody, SinkBody } from '@pointsman/protocol/sinks/sink-bodies';
import { SinkSet } from '@pointsman/protocol/sinks/sink-view';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { empty, json } from '../responses/openapi-responses.ts';
import { IdempotencyKey, WebhookParams } from '../requests/params.ts';
import { refusal } from '../responses/refusal.ts';
import { requireKey } from '../secret-key.ts';
import { noSink, loadSink } from './load-sink.ts';

const headers = z.object({ 'idempotency-key': IdempotencyKey });
const shownOnce = { replayed: true, cacheControl: '`no-store`.' };

const ONCE =
  'A generated secret is shown only in the response. A repeated request with the same `Idempotency-Key` does not show it again: it returns 409 with `replayed`. If the first response is lost, rotate the secret.';

/** The endpoints that create, change and delete webhooks, and rotate their signing secrets. */
export function webhookEndpoints(parts: ApiDeps): Endpoint[] {
  return [putEndpoint(parts), rotateEndpoint(parts), deleteEndpoint(parts)];
}

function putEndpoint(parts: ApiDeps): Endpoint {
  const { db, secrets } = parts;
  return endpoint({
    method: 'put',
    path: paths.sink,
    operationId: 'setSink',
    summary: 'Set a webhook',
    description: `Creates a webhook, which starts with the next move, or changes its URL; the new URL continues at the current position and without recorded failures. Whether a URL is allowed is checked at delivery: a private address is refused then, and the sink shows it. ${ONCE}`,
    tags: ['sinks'],
    may: 'administer',
    params: WebhookParams,
    headers,
    body: SinkBody,
    responses: {
      200: json(SinkSet, 'The webhook was changed.', shownOnce),
      201: json(SinkSet, 'The webhook was created.', shownOnce),
    },
    problems: ['not_found', 'conflict', 'idempotency_key_reused', 'no_secret_key', 'quota_exceeded'],
    async handle(call) {
      const { tenant, sink } = call.params;
      const { secret: given } = call.body.webhook;
      const { href: url, origin } = new URL(call.body.webhook.url);
      const box = requireKey(secrets);
      const seal = (plain: string) => box.seal(plain, { tenant, sink, field: 'secret' });
      const made = newWebhookSecret();
      const isNew = given !== undefined && !(await signsWith(parts, box, { tenant, sink }, given));
      const answer = await putSink(db, {
        tenant,
        sink,
        url,
        origin,
        secret: isNew ? seal(given) : null,
        madeSecret: seal(made),
        rotationMs: sinkLimits.rotationMs,
        ...requestIdentity(call, call.headers['idempotency-key'], {
          call: 'set sink',
          sink,
          url,
          secret: given === undefined ? null : box.fingerprint(given),
        }),
        at: Date.now(),
      });
      if (answer.kind !== 'saved') throw refusal(answer, tenant);
      const { created, secretMade, replayed } = answer;
      if (secretMade && replayed) throw shownBefore();
      const view = await loadSink(parts, tenant, sink);
      return jsonResponse(
        { ...view, secret: secretMade ? made : null },
        created ? 201 : 200,
        replayedHeader(replayed),
      );
    },
  });
}

/**
 * Whether the webhook already signs with the given secret. In that case, the secret must not be rotated, because a rotation would drop the
 * previous secret.
 */
async function signsWith(
  { db }: Pick<ApiDeps, 'db'>,
  box: SecretBox,
  { tenant, sink }: { tenant: string; sink: string },
  given: string,
): Promise<boolean> {
  const sealed = (await findSink(db, tenant, sink))?.secret ?? null;
  if (sealed === null) return false;
  try {
    return box.open(sealed, { tenant, sink, field: 'secret' }) === given;
  } catch (error) {
    // The stored secret can no longer be decrypted, so the given secret replaces it.
    if (error instanceof SecretLostError) return false;
    throw error;
  }
}

function shownBefore(): PointsmanError {
  return new PointsmanError(
    'conflict',
    'This request already generated a secret under this Idempotency-Key, and a secret is shown only once. If you have lost it, rotate it under a new key.',
    { details: { replayed: true } },
  );
}

function rotateEndpoint(parts: ApiDeps): Endpoint {
  const { db, secrets } = parts;
  return endpoint({
    method: 'post',
    path: paths.sinkRotate,
    operationId: 'rotateSink',
    summary: 'Rotate the secret of a webhook',
    description: `Events are signed with a new secret from now on, and for one day with the current secret as well, so that the endpoint can be updated. The secret before the current one stops working immediately. ${ONCE}`,
    tags: ['sinks'],
    may: 'administer',
    params: WebhookParams,
    headers,
    body: RotateBody,
    responses: { 200: json(SinkSet, 'The webhook, and its new secret.', shownOnce) },
    problems: ['not_found', 'conflict', 'idempotency_key_reused', 'no_secret_key'],
    async handle(call) {
      const { tenant, sink } = call.params;
      const given = call.body?.secret;
      const box = requireKey(secrets);
      const secret = given ?? newWebhookSecret();
      const answer = await rotateSink(db, {
        tenant,
        sink,
        secret: box.seal(secret, { tenant, sink, field: 'secret' }),
        rotationMs: sinkLimits.rotationMs,
        ...requestIdentity(call, call.headers['idempotency-key'], {
          call: 'rotate sink',
          sink,
          secret: given === undefined ? null : box.fingerprint(given),
        }),
        at: Date.now(),
      });
      if (answer.kind === 'no_sink') throw await noSink(parts, tenant, sink);
      if (answer.kind !== 'rotated') throw refusal(answer, tenant);
      if (answer.replayed && given === undefined) throw shownBefore();
      const view = await loadSink(parts, tenant, sink);
      const shown = given === undefined ? secret : null;
      return jsonResponse({ ...view, secret: shown }, 200, replayedHeader(answer.replayed));
    },
  });
}

function deleteEndpoint(parts: ApiDeps): Endpoint {
  const { db } = parts;
  return endpoint({
    method: 'delete',
    path: paths.sink,
    operationId: 'deleteSink',
    summary: 'Delete a webhook',
    description: 'Deliveries stop, and recorded attempts are deleted.',
    tags: ['sinks'],
    may: 'administer',
    params: WebhookParams,
    responses: { 204: empty('The webhook was deleted.') },
    problems: ['not_found'],
    async handle({ params: { tenant, sink }, principal, ids }) {
      const by = principal?.name ?? 'nobody';
      const deleted = await deleteSink(db, tenant, sink, { by, requestId: ids.requestId, at: Date.now() });
      if (!deleted) throw await noSink(parts, tenant, sink);
      return new Response(null, { status: 204 });
    },
  });
}
