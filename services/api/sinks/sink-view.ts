import { z } from 'zod';

import { feedCursor } from '../../../core/moves/feed-cursor.ts';
import { SinkName } from '../../../core/identifiers.ts';
import { type Broker, SinkKind } from '../../../core/sink.ts';
import type { AttemptRecord, SinkHealth, SinkRecord } from '../../postgres/sinks/sinks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

export const SinkView = z
  .object({
    sink: SinkName,
    kind: SinkKind,
    url: z.string().nullable().meta({ description: 'Of a webhook; null for what is the platform’s.' }),
    state: z.enum(['active', 'failing', 'paused']).meta({
      description:
        '`failing`: the last try failed, and there will be others; `redis` and `rabbitmq` fail for all tenants of a stream at once. `paused`: by a person, or since the endpoint said that it is gone or failed for days.',
    }),
    cursor: z.string().meta({ description: 'Everything up to here has arrived.' }),
    lag: z.number().int().meta({ description: 'Moves after the cursor.' }),
    deliveredAt: z.string().nullable(),
    failures: z.number().int().meta({ description: 'Tries in vain since the last that was not.' }),
    failingSince: z.string().nullable(),
    retryAt: z.string().nullable().meta({ description: 'When it is tried again.' }),
    lastError: z.string().nullable(),
    pausedBy: z.string().nullable(),
    pausedAt: z.string().nullable(),
    pauseReason: z.string().nullable(),
    previousSecretUntil: z.string().nullable().meta({
      description: 'Until when a webhook’s secret before the last rotation signs beside the new one.',
    }),
    sealedUnder: z.enum(['current', 'previous', 'lost']).nullable().meta({
      description:
        'Under which key a webhook’s secrets are kept: `previous` needs POINTSMAN_SECRET_KEY_PREVIOUS until they are rotated; `lost` can no longer be read, and nothing is delivered.',
    }),
    createdBy: z.string().nullable().meta({ description: 'Null for what is the platform’s.' }),
    createdAt: z.string().nullable(),
  })
  .meta({
    id: 'Sink',
    description: 'Where moves are announced.',
    example: {
      sink: 'audit',
      kind: 'webhook',
      url: 'https://audit.example.com/pointsman',
      state: 'failing',
      cursor: 'acme:17',
      lag: 3,
      deliveredAt: '2026-03-01T12:00:00.000Z',
      failures: 2,
      failingSince: '2026-03-01T12:01:00.000Z',
      retryAt: '2026-03-01T12:01:06.000Z',
      lastError: 'audit.example.com: answered 503',
      pausedBy: null,
      pausedAt: null,
      pauseReason: null,
      previousSecretUntil: null,
      sealedUnder: 'current',
      createdBy: 'ann',
      createdAt: '2026-03-01T11:00:00.000Z',
    },
  });

export type SinkShown = z.input<typeof SinkView>;

/** `latest` is the last number of the tenant's feed, read after the record. */
export function viewSink(
  tenant: string,
  latest: number,
  record: SinkRecord,
  secrets: SecretBox | null,
): SinkShown {
  const { secret, previousSecret, previousUntil, deliveredSeq, createdBy, createdAt, ...shown } = record;
  const { kind, failures, pausedBy } = shown;
  const standing = failures > 0 ? 'failing' : 'active';
  return {
    ...shown,
    state: pausedBy === null ? standing : 'paused',
    cursor: feedCursor({ tenant, seq: deliveredSeq }),
    lag: Math.max(0, latest - deliveredSeq),
    previousSecretUntil: isOver(previousUntil) ? null : previousUntil,
    sealedUnder: sealedUnder([secret, isOver(previousUntil) ? null : previousSecret], secrets),
    // The platform's were set by nobody of the tenant's.
    ...(kind === 'webhook' ? { createdBy, createdAt } : { createdBy: null, createdAt: null }),
  };
}

function isOver(until: string | null): boolean {
  return until === null || Date.parse(until) <= Date.now();
}

function sealedUnder(
  sealed: readonly (string | null)[],
  secrets: SecretBox | null,
): SinkShown['sealedUnder'] {
  const under = sealed.flatMap((one) => (one === null ? [] : [secrets?.sealedUnder(one) ?? 'lost']));
  return (['lost', 'previous', 'current'] as const).find((one) => under.includes(one)) ?? null;
}

/** A broker without a delivery to this tenant so far. What other tenants of its partition have met counts all the same. */
export function viewUntouched(tenant: string, latest: number, broker: Broker, health: SinkHealth): SinkShown {
  return {
    sink: broker,
    kind: broker,
    url: null,
    state: health.failures > 0 ? 'failing' : 'active',
    cursor: feedCursor({ tenant, seq: 0 }),
    lag: latest,
    deliveredAt: null,
    ...health,
    pausedBy: null,
    pausedAt: null,
    pauseReason: null,
    previousSecretUntil: null,
    sealedUnder: null,
    createdBy: null,
    createdAt: null,
  };
}

export const AttemptView = z
  .object({
    seq: z.number().int().nullable().meta({ description: 'The move’s number in the feed; null for a test.' }),
    event: z.string().meta({ description: 'The event’s id, sent as `webhook-id`.' }),
    delivered: z.boolean(),
    status: z.number().int().nullable().meta({ description: 'Of the answer; null where there was none.' }),
    summary: z.string(),
    tookMs: z.number().int(),
    at: z.string(),
  })
  .meta({
    id: 'Attempt',
    description: 'One try at a webhook.',
    example: {
      seq: 17,
      event: 'acme:support-bot:live:4',
      delivered: false,
      status: 503,
      summary: 'audit.example.com: answered 503',
      tookMs: 120,
      at: '2026-03-01T12:01:00.000Z',
    },
  });

export function viewAttempt({ n: _n, ...shown }: AttemptRecord): z.input<typeof AttemptView> {
  return shown;
}
