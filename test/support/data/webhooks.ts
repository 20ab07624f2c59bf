import type { ServerResponse } from 'node:http';

import { pino } from 'pino';

import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import type { Outbound } from '../../../services/outbound/contract.ts';
import type { SinkEvent } from '../../../packages/protocol/moves/sink-event.ts';
import { webhookDelivery } from '../../../services/webhooks/deliver.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import type { Answer } from '../servers/outside-server.ts';

export const secret = newWebhookSecret();
export const log = pino({ level: 'silent' });

/** Creates the move with that number, for a tenant that has one pointer. */
export function move(seq: number): MoveEvent {
  const to = { version: seq, digest: `sha256:${'0'.repeat(64)}` };
  const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
  return moveEvent({ ...pointer, generation: seq, seq, from: null, to, movedAt: '2026-03-01T12:00:00.000Z' });
}

export const moves = (count: number) => Array.from({ length: count }, (_, index) => move(index + 1));

/** Executes one step of the delivery to that URL. */
export function send(
  outbound: Outbound,
  url: string,
  { events = [move(1)], secrets = [secret] }: { events?: readonly SinkEvent[]; secrets?: string[] } = {},
) {
  return webhookDelivery({ outbound, log }).send({ tenant: 'acme', events }, { sink: 'audit', url, secrets });
}

/** Sends the given responses in order, one per request. Repeats the last response. */
export function answers(...all: readonly ((response: ServerResponse) => void)[]): Answer {
  let asked = 0;
  return (_request, response) => all[Math.min(asked++, all.length - 1)]!(response);
}

export const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(code, headers).end();
export const taken = status(204);
