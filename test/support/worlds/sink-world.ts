import { z } from 'zod';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { Policy } from '../../../core/policy.ts';
import { sinkKey } from '../../../packages/protocol/sinks/sink.ts';
import { type MoveResult, type MoveRequest, Tenant } from '../../../handlers/contract/tenant.ts';
import { Sink, type ControlResult, type ControlRequest } from '../../../handlers/contract/sink.ts';
import { findSink, type SinkRecord } from '../../../services/postgres/sinks/sinks.ts';
import { secretBox } from '../../../services/secrets/secret-box.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { accepted, type ControlPlane, settled } from './control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { type Answer, type OutsideServer, startOutsideServer } from '../servers/outside-server.ts';
import { TEST_SECRET_KEYS } from '../data/secret-keys.ts';
import { setSink } from '../data/sinks.ts';
import { standstill } from '../servers/standstill.ts';

/** A worker setting that allows calls to an {@link Endpoint}. */
export const MAY_CALL_ENDPOINTS = { POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32' };

/** A user's endpoint, which responds with 200 by default. */
export interface Endpoint {
  readonly server: OutsideServer;
  /** The events that the endpoint has accepted, in order of arrival. */
  taken(): MoveEvent[];
  /** The feed numbers of those events. */
  seqs(): number[];
  answers(answer: number | Answer): void;
}

export async function startEndpoint(): Promise<Endpoint> {
  const taken: MoveEvent[] = [];
  let answer: number | Answer = 200;
  const server = await startOutsideServer((request, response) => {
    if (typeof answer !== 'number') return answer(request, response);
    const event = MoveEvent.safeParse(JSON.parse(request.body));
    if (answer === 200 && event.success) taken.push(event.data);
    response.writeHead(answer).end();
  });
  return {
    server,
    taken: () => [...taken],
    seqs: () => taken.map(({ data }) => data.seq),
    answers: (next) => void (answer = next),
  };
}

/** Stores a webhook of that tenant with the name "audit", which calls the endpoint. */
export async function addWebhook(
  plane: ControlPlane,
  tenant: string,
  { server }: Pick<Endpoint, 'server'>,
): Promise<void> {
  const belonging = { tenant, sink: 'audit', field: 'secret' } as const;
  const madeSecret = secretBox(TEST_SECRET_KEYS).seal(newWebhookSecret(), belonging);
  await setSink(plane.db, tenant, { url: `${server.origin}/in`, origin: server.origin, madeSecret });
}

export async function sinkOf(plane: ControlPlane, tenant: string, sink = 'audit'): Promise<SinkRecord> {
  const found = await findSink(plane.db, tenant, sink);
  if (found === null) throw new Error(`there is no sink ${sink} of ${tenant}`);
  return found;
}

/** Waits until the sink has delivered the move with that number, and returns the sink. */
export async function deliveredTo(plane: ControlPlane, tenant: string, seq: number, sink = 'audit') {
  return eventually(
    async () => {
      const found = await findSink(plane.db, tenant, sink);
      return found !== null && found.deliveredSeq === seq && found.failures === 0 ? found : null;
    },
    { what: `${sink} of ${tenant} has got to ${seq}` },
  );
}

/** Publishes twice, so that the pointer can move between two releases. */
export async function twoReleases(plane: ControlPlane, tenant: string): Promise<void> {
  for (const text of ['one', 'two']) {
    const files = { 'config.json': JSON.stringify({ text }) };
    await settled(plane, tenant, await accepted(plane, tenant, { files }));
  }
}

export function move(
  plane: ControlPlane,
  tenant: string,
  version: number,
  asked: Partial<MoveRequest> = {},
): Promise<MoveResult> {
  return plane.ingress.client(Tenant, tenant).move({
    bundle: 'bundle',
    channel: 'live',
    version,
    ifGeneration: null,
    hold: null,
    why: 'test',
    by: 'test',
    idempotencyKey: crypto.randomUUID(),
    fingerprint: digestOf('a move'),
    requestId: 'test',
    ...asked,
  });
}

/** Moves a tenant's pointer back and forth, `times` times in total. The pointer must be at v2 of {@link twoReleases}. */
export async function moveOften(plane: ControlPlane, tenant: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await move(plane, tenant, n % 2 === 0 ? 1 : 2);
}

export function steer(
  plane: ControlPlane,
  tenant: string,
  what: ControlRequest['control'],
  { sink = 'audit', idempotencyKey = crypto.randomUUID() }: { sink?: string; idempotencyKey?: string } = {},
): Promise<ControlResult> {
  return plane.ingress.client(Sink, sinkKey({ tenant, sink })).control({
    tenant,
    sink,
    control: what,
    by: 'ann',
    idempotencyKey,
    fingerprint: digestOf(JSON.stringify(what)),
    requestId: 'test',
  });
}

/** Changes the database so that the sweep appears not to have visited the tenant's sinks for a long time. */
export async function pretendLateSweep(plane: ControlPlane, tenant: string): Promise<void> {
  await standstill(plane).sql((client) =>
    client.query('UPDATE pointsman.sinks SET healthy_at = NULL WHERE tenant = $1', [tenant]),
  );
}

/** Makes the tenant's live channel require sinks. */
export async function requireSinks(
  plane: ControlPlane,
  tenant: string,
  whenDown: 'continue' | 'freeze',
  required: readonly string[] = ['audit'],
): Promise<void> {
  const document = Policy.parse({ channels: { live: { sinks: { required, whenDown } } } });
  await standstill(plane).sql((client) =>
    client.query(
      `INSERT INTO pointsman.policies (tenant, version, document, by, at)
       SELECT $1, coalesce(max(version), 0) + 1, $2, 'test', now() FROM pointsman.policies WHERE tenant = $1`,
      [tenant, JSON.stringify(document)],
    ),
  );
}

const Invocation = z.object({ id: z.string() });

/** The writer's invocations that are still running or waiting. */
export async function runningInvocations(plane: ControlPlane, key: string): Promise<string[]> {
  const rows = await plane.admin.query(
    `SELECT id FROM sys_invocation WHERE target_service_name = 'Sink' AND target_service_key = '${key}'
     AND status <> 'completed'`,
  );
  return rows.map((row) => Invocation.parse(row).id);
}

/** Removes repeated numbers, keeping the first occurrence of each. */
export function firstTimes(seqs: readonly number[]): number[] {
  return [...new Set(seqs)];
}

/** The numbers from `from` to `to`, including both. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
