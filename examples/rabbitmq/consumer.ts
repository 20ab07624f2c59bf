// A runtime that follows its bundles over RabbitMQ: `node consumer.ts`. It keeps them in memory and says what it runs on standard output.
import { pathToFileURL } from 'node:url';

import { pino } from 'pino';
import { z } from 'zod';

import type { PointerId } from '@pointsman/protocol/identifiers';
import { consumeMoves, type MoveConsumer } from '@pointsman/client/rabbitmq';
import type { FetchedPointer, Missed } from '@pointsman/client/rabbitmq';

const Settings = z.object({
  AMQP_URL: z.url(),
  /** Of this runtime alone: two that share a queue would each see half of the moves. */
  QUEUE: z.string(),
  /** The pointers that it runs, as `tenant.bundle.channel`, with commas between them. */
  POINTERS: z.string().transform((text) => text.split(',').map((pointer) => pointer.trim())),
  POINTSMAN_URL: z.url(),
  POINTSMAN_TOKEN: z.string(),
});
export type Settings = z.infer<typeof Settings>;

const Pointer = z.object({ generation: z.number(), digest: z.string().nullable() });

/** `run` is told what to run from now on; a real one fetches the blobs of that digest, checks them, and swaps. */
export function follow(settings: Settings, run: (pointer: PointerId, digest: string) => void): MoveConsumer {
  const pointers = settings.POINTERS.map(pointerOf);

  /** The pointer as it is now. A 404 says that there is none, and a digest of null that it has never moved. */
  const fetchPointer = async (pointer: PointerId, signal: AbortSignal): Promise<FetchedPointer> => {
    const { tenant, bundle, channel } = pointer;
    const url = `${settings.POINTSMAN_URL}/v1/tenants/${tenant}/bundles/${bundle}/channels/${channel}`;
    const headers = { authorization: `Bearer ${settings.POINTSMAN_TOKEN}` };
    const answer = await fetch(url, { headers, signal });
    if (answer.status === 404) return { ...pointer, generation: 0 };
    if (!answer.ok) throw new Error(`Pointsman answered ${answer.status}`);
    const { generation, digest } = Pointer.parse(await answer.json());
    if (digest !== null) run(pointer, digest);
    return { ...pointer, generation };
  };
  const isMissed = (missed: Missed, pointer: PointerId): boolean =>
    missed.kind === 'queue' ||
    (missed.kind === 'tenant' && missed.tenant === pointer.tenant) ||
    (missed.kind === 'pointer' && keyOf(missed.pointer) === keyOf(pointer));

  return consumeMoves({
    url: settings.AMQP_URL,
    log: pino({ level: 'warn' }, pino.destination(2)),
    queue: settings.QUEUE,
    bindings: settings.POINTERS,
    deliveryLimit: 5,
    apply: async ({ data }) => run(data, data.to.digest),
    snapshot: (missed, signal) =>
      Promise.all(
        pointers.filter((pointer) => isMissed(missed, pointer)).map((pointer) => fetchPointer(pointer, signal)),
      ),
  });
}

function pointerOf(text: string): PointerId {
  const [tenant = '', bundle = '', channel = ''] = text.split('.');
  return { tenant, bundle, channel };
}

export function keyOf({ tenant, bundle, channel }: PointerId): string {
  return `${tenant}.${bundle}.${channel}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const consumer = follow(Settings.parse(process.env), (pointer, digest) =>
    console.log(`${keyOf(pointer)} runs ${digest}`),
  );
  process.once('SIGTERM', () => void consumer.close());
  process.once('SIGINT', () => void consumer.close());
}
