import type { Logger } from 'pino';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { type Broker, isBroker, type SinkId } from '@pointsman/protocol/sinks/sink';
import type { Clock } from '../../../handlers/ports/deps.ts';
import type { Database } from '../../postgres/database.ts';
import type { AttemptRecord, OpenedSink } from '../../postgres/sinks/sink-deliveries.ts';
import { type SecretBox, SecretLostError } from '../../secrets/secret-box.ts';
import { MOVED } from '@pointsman/protocol/moves/move-event';
import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';
import type { Sent, SinkTarget } from '../../sinks/target.ts';
import type { WebhookDelivery } from '../../webhooks/deliver.ts';
import { signingSecrets } from '../../webhooks/signing-secrets.ts';

export interface SinkDeps {
  readonly db: Database;
  readonly clock: Clock;
  /** The brokers that this worker is configured with, by name. */
  readonly brokers: Readonly<Partial<Record<Broker, SinkTarget>>>;
  readonly webhook: WebhookDelivery;
  /** Null without a configured secret key. */
  readonly secrets: SecretBox | null;
  readonly log: Logger;
}

export interface Outgoing {
  readonly events: readonly SinkEvent[];
  readonly position: string | null;
  readonly atMs: number;
}

/** Attempts are recorded individually only for webhooks. */
export type SentThrough = Sent & { readonly attempts: readonly AttemptRecord[] };

/** Whether this worker is configured to reach the sink. */
export function isReachable({ brokers }: SinkDeps, sink: string): boolean {
  return !isBroker(sink) || brokers[sink] !== undefined;
}

/**
 * Tries once to send a batch through a sink of either kind. Never rejects because of the target.
 *
 * @param webhookCallMs the time limit of one webhook call; a broker has its own limits
 */
export async function sendThrough(
  deps: SinkDeps,
  { tenant, sink }: SinkId,
  opened: OpenedSink,
  { events, position, atMs }: Outgoing,
  webhookCallMs: number = sinkLimits.callMs,
): Promise<SentThrough> {
  if (isBroker(sink)) {
    const target = deps.brokers[sink];
    if (target === undefined) return unsent(position, notConfigured(sink));
    const required = new Set(opened.required);
    const mustBeDelivered = (event: SinkEvent) => event.type !== MOVED || required.has(event.data.channel);
    return { ...(await target.send({ tenant, events, atMs, position, mustBeDelivered })), attempts: [] };
  }
  if (opened.url === null) return unsent(position, 'it has no URL');
  const secrets = openSecrets(deps, { tenant, sink }, opened);
  if (secrets === null) return unsent(position, 'its secret can no longer be decrypted: rotate it');
  return deps.webhook.send({ tenant, events }, { sink, url: opened.url, secrets, callMs: webhookCallMs });
}

export function notConfigured(broker: Broker): string {
  return `this worker is not configured with ${broker === 'redis' ? 'Redis (REDIS_URL)' : 'RabbitMQ (AMQP_URL)'}`;
}

function unsent(position: string | null, reason: string): SentThrough {
  return { count: 0, position, stopped: { kind: 'later', reason, retryAfterMs: null }, attempts: [] };
}

/** Decrypts the secrets of a webhook. If one is lost, the log gets the details that an operator needs. */
function openSecrets(
  { secrets, clock, log }: SinkDeps,
  id: SinkId,
  { secret, previousSecret, previousUntil }: OpenedSink,
): string[] | null {
  try {
    if (secrets === null || secret === null) throw new SecretLostError('POINTSMAN_SECRET_KEY is not set');
    return signingSecrets(secrets, id, { secret, previousSecret, previousUntil }, clock.now());
  } catch (error) {
    if (!(error instanceof SecretLostError)) throw error;
    log.error({ ...id, err: error }, 'a webhook’s secret cannot be decrypted');
    return null;
  }
}
