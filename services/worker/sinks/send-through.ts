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
  /** The box that decrypts the secrets of webhooks. It is null if no key is configured. */
  readonly secrets: SecretBox | null;
  readonly log: Logger;
}

export interface Outgoing {
  readonly events: readonly SinkEvent[];
  readonly position: string | null;
  readonly atMs: number;
}

/**
 * The result of sending a batch. `attempts` is empty for brokers, because only attempts to deliver to webhooks are
 * recorded individually.
 */
export type SentThrough = Sent & { readonly attempts: readonly AttemptRecord[] };

/** Whether this worker can deliver to the sink. It can't if the sink is a broker that is not configured. */
export function isReachable({ brokers }: SinkDeps, sink: string): boolean {
  return !isBroker(sink) || brokers[sink] !== undefined;
}

/**
 * Tries once to send a batch to a broker or a webhook. The promise does not reject because of the sink.
 * @param webhookCallMs the time limit of one call to a webhook; a broker has its own limits
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

/** Decrypts the secrets of a webhook. If this fails, returns null, and the log gets the details for the operator. */
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
