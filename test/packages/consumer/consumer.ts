// A program that uses every entry point of @pointsman/client with its types. It is type-checked and never run.
import { apiClient, ProblemError, publish, ReleaseView, settledRelease } from '@pointsman/client';
import { openFollower, type Bundle } from '@pointsman/client/follower';
import { consumeMoves as consumeFromRabbitmq } from '@pointsman/client/rabbitmq';
import { consumeMoves as consumeFromRedis, redisBundleReader, tailMoves } from '@pointsman/client/redis';
import { verifyWebhook, webhookReceiver } from '@pointsman/client/webhooks';
import { Digest } from '@pointsman/protocol/identifiers';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';

const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export async function release(version: number): Promise<ReleaseView | null> {
  const client = apiClient({ url: 'http://127.0.0.1:7400', token: null });
  try {
    return await client.call('GET', `/v1/tenants/acme/bundles/bot/releases/${version}`, ReleaseView);
  } catch (error) {
    if (error instanceof ProblemError && error.problem.code === 'not_found') return null;
    throw error;
  }
}

export async function publishes(): Promise<string | null> {
  const client = apiClient({ url: 'http://127.0.0.1:7400', token: 't' });
  const files = new Map([['agents/billing.yaml', 'refundCents: 100\n']]);
  const accepted = await publish(client, { tenant: 'acme', bundle: 'bot' }, files, { message: 'First' });
  return (await settledRelease(client, accepted, AbortSignal.timeout(60_000))).outcome;
}

export async function run(): Promise<Bundle> {
  const pointers = [{ tenant: 'acme', bundle: 'bot', channel: 'live' }];
  const follower = await openFollower({
    url: 'http://127.0.0.1:7400',
    token: 't',
    tenant: 'acme',
    bundle: 'bot',
    name: 'bot-1',
    folder: '/tmp/bot',
    source: (signal) => tailMoves({ url: 'redis://127.0.0.1', pointers, signal, log }),
  });
  const digest: string = Digest.parse(follower.current.digest);
  log.info({ digest }, 'is followed');
  return follower.current;
}

export function consumers(): unknown[] {
  const apply = async (event: MoveEvent): Promise<void> => log.info({ id: event.id }, 'is applied');
  return [
    consumeFromRedis({
      url: 'redis://127.0.0.1',
      log,
      group: 'bots',
      consumer: 'bot-1',
      tenants: async () => ['acme'],
      apply,
      snapshot: async () => ({ seq: 0, pointers: [] }),
    }),
    consumeFromRabbitmq({
      url: 'amqp://127.0.0.1',
      log,
      queue: 'bots',
      bindings: ['acme.#'],
      apply,
      snapshot: async () => [],
    }),
    redisBundleReader,
    webhookReceiver,
    verifyWebhook,
  ];
}

function ignore(_fields: object, _message: string): void {}
