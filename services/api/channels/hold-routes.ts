import { z } from 'zod';

import { paths } from '@pointsman/protocol/paths';
import { HoldBody } from '@pointsman/protocol/moves/pointer-bodies';
import { PointerView } from '@pointsman/protocol/moves/pointer-view';
import type { HoldResult } from '../../../handlers/contract/tenant.ts';
import { missingError, requireTenant } from '../responses/not-found.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Call, type Endpoint, endpoint } from '../http/endpoint.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { json } from '../responses/openapi-responses.ts';
import { ChannelParams, IdempotencyKey } from '../requests/params.ts';
import { pointerHeaders } from './pointer-view.ts';
import { noChannel, refusal } from '../responses/refusal.ts';

const headers = z.object({ 'idempotency-key': IdempotencyKey });

export function holdEndpoints(parts: ApiDeps): Endpoint[] {
  return [holdEndpoint(parts), liftEndpoint(parts)];
}

function holdEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'put',
    path: paths.hold,
    operationId: 'holdPointer',
    summary: 'Hold a pointer',
    description:
      'No publish or promotion moves the pointer until the hold is lifted; a rollback does. Holding again replaces the reason.',
    tags: ['channels'],
    may: 'control',
    params: ChannelParams,
    headers,
    body: HoldBody,
    responses: { 200: json(PointerView, 'The pointer, now held.') },
    problems: ['not_found', 'unknown_channel', 'idempotency_key_reused'],
    handle: (call) => setHold(parts, call, call.body.reason),
  });
}

function liftEndpoint(parts: ApiDeps): Endpoint {
  return endpoint({
    method: 'delete',
    path: paths.hold,
    operationId: 'liftHold',
    summary: 'Lift a hold',
    description: 'Allows moves again. Idempotent.',
    tags: ['channels'],
    may: 'control',
    params: ChannelParams,
    headers,
    responses: { 200: json(PointerView, 'The pointer without a hold.') },
    problems: ['not_found', 'unknown_channel', 'idempotency_key_reused'],
    handle: (call) => setHold(parts, call, null),
  });
}

type HoldCall = Call<z.output<typeof ChannelParams>, unknown, z.output<typeof headers>, unknown>;

async function setHold({ db, tenants }: ApiDeps, call: HoldCall, reason: string | null): Promise<Response> {
  const { tenant, bundle, channel } = call.params;
  await requireTenant(db, tenant);
  const identity = requestIdentity(call, call.headers['idempotency-key'], {
    call: 'hold',
    bundle,
    channel,
    reason,
  });
  const answer: HoldResult = await tenants(tenant, call.ids).hold({ bundle, channel, reason, ...identity });
  switch (answer.kind) {
    case 'done':
      return jsonResponse(answer.pointer, 200, pointerHeaders(answer.pointer));
    case 'no_bundle':
      throw await missingError(db, { tenant, bundle }, `bundle "${bundle}"`);
    case 'no_channel':
      throw noChannel(call.params, answer);
    default:
      throw refusal(answer, tenant);
  }
}
