import { z } from 'zod';

import { feedCursor } from '@pointsman/protocol/moves/feed-cursor';
import { SinkName } from '@pointsman/protocol/identifiers';
import { type Broker, SinkKind } from '@pointsman/protocol/sinks/sink';
import type { AttemptRecord, SinkHealth, SinkRecord } from '../../postgres/sinks/sinks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

export const SinkView = z
  .object({
    sink: SinkName,
    kind: SinkKind,
    url: z.string().nullable().meta({ description: 'Of a webhook; null for the platform’s sinks.' }),
    state: z.enum(['active', 'failing', 'paused']).meta({
      description:
        '`failing`: the last attempt failed and will be retried; `redis` and `rabbitmq` fail for all tenants of a stream at once. `paused`: by a person, or because the endpoint returned 410 or failed for days.',
    }),
    cursor: z.string().meta({ description: 'The last delivered position in the feed.' }),
    lag: z.number().int().meta({ description: 'Moves after the cursor.' }),
    deliveredAt: z.string().nullable(),
    failures: z.number().int().meta({ description: 'Consecutive failed attempts.' }),
    failingSince: z.string().nullable(),
    retryAt: z.string().nullable().meta({ description: 'When the next attempt is.' }),
    lastError: z.string().nullable(),
    pausedBy: z.string().nullable(),
    pausedAt: z.string().nullable(),
    pauseReason: z.string().nullable(),
    previousSecretUntil: z.string().nullable().meta({
      description: 'Until when events are also signed with the previous secret after a rotation.',
    }),
    sealedUnder: z.enum(['current', 'previous', 'lost']).nullable().meta({
      description:
        'The key that encrypts a webhook’s secrets. `previous`: keep POINTSMAN_SECRET_KEY_PREVIOUS until the secrets are rotated. `lost`: the secrets can no longer be decrypted, and nothing is delivered.',
    }),
    createdBy: z.string().nullable().meta({ description: 'Null for the platform’s sinks.' }),
    createdAt: z.string().nullable(),
  })
  .meta({
    id: 'Sink',
    description: 'A destination of moves.',
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
    // The platform's sinks were not created by the tenant.
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

/** A broker without a delivery to this tenant yet. The state of its shared partition applies anyway. */
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
    status: z
      .number()
      .int()
      .nullable()
      .meta({ description: 'The status of the response; null without one.' }),
    summary: z.string(),
    tookMs: z.number().int(),
    at: z.string(),
  })
  .meta({
    id: 'Attempt',
    description: 'An attempt to deliver to a webhook.',
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
