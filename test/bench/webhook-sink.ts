import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { pino } from 'pino';
import { Client } from 'undici';
import { z } from 'zod';

import type { MoveEvent } from '../../packages/protocol/moves/move-event.ts';
import { openOutbound } from '../../services/outbound/outbound.ts';
import {
  webhookDelivery,
  type WebhookDelivery,
  type WebhookEndpoint,
} from '../../services/webhooks/deliver.ts';
import { signatureHeaders } from '../../packages/protocol/webhooks/sign.ts';
import { newWebhookSecret } from '../../packages/protocol/webhooks/webhook-secret.ts';
import { moves } from '../support/data/move-events.ts';
import { range } from '../support/data/outbound.ts';
import type { BenchRow } from './measure.ts';

const TENANT = 'acme';
const BATCH = 500;
const ROUNDS = 24;
const ROUNDS_TO_WARM_UP = 4;
const ENDPOINT = fileURLToPath(new URL('./endpoint-process.ts', import.meta.url));

/**
 * Measures signed events that are posted one after the other to an endpoint on this machine. Our sink and a bare
 * client on one connection take turns.
 */
export async function benchWebhooks(): Promise<BenchRow[]> {
  const process = fork(ENDPOINT, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const gone = once(process, 'exit');
  const [message] = (await once(process, 'message')) as unknown[];
  const { url } = z.object({ url: z.string() }).parse(message);
  const log = pino({ level: 'silent' });
  const outbound = openOutbound({ allow: [range('127.0.0.1/32')], log });
  const delivery = webhookDelivery({ outbound, log });
  const client = new Client(new URL(url).origin);
  const endpoint = { sink: 'audit', url, secrets: [newWebhookSecret()] };
  const [ours, theirs]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round < ROUNDS_TO_WARM_UP + ROUNDS; round++) {
      const events = moves(TENANT, round * BATCH + 1, (round + 1) * BATCH);
      const theirMs = await timed(() => sendBare(client, endpoint, events));
      const ourMs = await timed(() => sendOurs(delivery, endpoint, events));
      if (round < ROUNDS_TO_WARM_UP) continue;
      ours.push(ourMs);
      theirs.push(theirMs);
    }
  } finally {
    await client.close();
    await outbound.close();
    process.disconnect();
    await gone;
  }
  const [measured, floor] = [perSecond(ours), perSecond(theirs)];
  return [
    {
      name: 'signed moves a second to one endpoint, one after the other',
      measured: `${measured.toFixed(0)}/s`,
      floor: `${floor.toFixed(0)}/s by a bare undici client that signs and posts the same`,
      ratio: measured / floor,
      aim: 'at least 0.7',
    },
  ];
}

async function sendOurs(
  delivery: WebhookDelivery,
  endpoint: WebhookEndpoint,
  events: readonly MoveEvent[],
): Promise<void> {
  // A batch also ends after a maximum time. On a slow machine, the next batch sends the remaining events.
  for (let sent = 0; sent < events.length;) {
    const { count, stopped } = await delivery.send({ tenant: TENANT, events: events.slice(sent) }, endpoint);
    if (stopped !== null) throw new Error(stopped.kind);
    sent += count;
  }
}

async function sendBare(
  client: Client,
  { url, secrets }: WebhookEndpoint,
  events: readonly MoveEvent[],
): Promise<void> {
  const { pathname: path } = new URL(url);
  for (const event of events) {
    const body = JSON.stringify(event);
    const timestamp = Math.floor(Date.now() / 1_000);
    const headers = {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      ...signatureHeaders({ id: event.id, timestamp, body }, secrets),
    };
    const answer = await client.request({ path, method: 'POST', headers, body });
    await answer.body.dump();
    if (answer.statusCode !== 204) throw new Error(`answered ${answer.statusCode}`);
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function perSecond(tookMs: readonly number[]): number {
  return (tookMs.length * BATCH * 1_000) / tookMs.reduce((sum, ms) => sum + ms, 0);
}
