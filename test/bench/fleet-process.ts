// Runs many followers in one process, and reports the time at which each follower began to run a generation.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';

import { openFollower } from '../../packages/client/follower/follower.ts';
import type { MoveHints } from '../../packages/client/follower/hints/move-hints.ts';
import { tailMoves as tailRabbit } from '../../packages/client/rabbitmq/move-tail.ts';
import { tailMoves as tailRedis } from '../../packages/client/redis/move-tail.ts';
import { ReceivedMoves } from '../../packages/client/webhooks/received-moves.ts';
import { webhookReceiver } from '../../packages/client/webhooks/receiver.ts';
import type { FleetOptions, FleetWord } from './fleet.ts';
import { drive, Series } from './measure.ts';

const options = JSON.parse(process.argv[2] ?? '') as FleetOptions;
const { pointer, transport } = options;
const log = pino({ level: 'silent' });
const ended = new AbortController();

function say(word: FleetWord): void {
  process.send?.(word);
}

/** Reads one tail for the whole process, and passes its moves on to all followers. */
function shared(tail: ReturnType<typeof tailRedis> | ReturnType<typeof tailRabbit>): MoveHints {
  const received = new ReceivedMoves();
  void (async () => {
    for await (const told of tail) if (told.kind === 'moved') received.push(told.event);
  })();
  return (signal) => received.read(signal);
}

async function receiver(secret: string): Promise<MoveHints> {
  const webhooks = webhookReceiver({ secrets: [secret] });
  const server = createServer(webhooks.listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  say({ kind: 'listening', url: `http://127.0.0.1:${port}/` });
  return (signal) => webhooks.moves(signal);
}

async function source(): Promise<'long-poll' | 'server-sent-events' | MoveHints> {
  const { signal } = ended;
  if (typeof transport === 'string') return transport;
  if (transport.kind === 'webhook') return receiver(transport.secret);
  const { url } = transport;
  if (transport.kind === 'redis') return shared(tailRedis({ url, signal, log, pointers: [pointer] }));
  return shared(tailRabbit({ url, signal, log, pointer }));
}

/** By generation: the time at which each follower began to run it, in epoch milliseconds. */
const arrivals = new Map<number, number[]>();

function arrived(generation: number): void {
  const atMs = performance.timeOrigin + performance.now();
  const times = arrivals.get(generation) ?? [];
  arrivals.set(generation, times);
  if (times.push(atMs) < options.count) return;
  arrivals.delete(generation);
  say({ kind: 'arrived', generation, atMs: times });
}

const hints = await source();
await drive(new Series(), { count: options.count, clients: 32 }, async (index) => {
  const { tenant, bundle, channel } = pointer;
  const { url, token, folder } = options;
  const name = `follower-${index}`;
  const follower = await openFollower({
    url,
    token,
    tenant,
    bundle,
    channel,
    name,
    folder,
    source: hints,
  });
  follower.onChange(({ generation }) => arrived(generation));
  return 0;
});
say({ kind: 'ready' });
process.on('disconnect', () => process.exit(0));
