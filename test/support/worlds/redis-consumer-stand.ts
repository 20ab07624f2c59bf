import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { z } from 'zod';

import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream, partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import type { MoveConsumerOptions } from '../../../packages/client/redis/consumer-options.ts';
import { startRedis, type TestBroker } from '../servers/brokers.ts';
import { eventually } from '../runs/eventually.ts';
import { startRuntime, type StreamRuntime, type Truth } from '../servers/stream-runtime.ts';

/**
 * Starts a Redis for the tests of one file. A test can start consumers of one tenant's stream, which are closed after
 * the test.
 */
export function consumerStand(tenant: string, group: string) {
  const stream = moveStream(tenant);
  let broker: TestBroker;
  let client: ReturnType<typeof createClient>;
  let ends = new AsyncDisposableStack();
  let nextId = 1;

  const connect = async (): Promise<void> => {
    client = createClient({ url: broker.url });
    client.on('error', () => undefined);
    await client.connect();
  };
  beforeAll(async () => {
    broker = await startRedis();
    await connect();
  });
  afterEach(async () => {
    await ends.disposeAsync();
    ends = new AsyncDisposableStack();
    await client.flushAll();
  });
  afterAll(async () => {
    client.destroy();
    await broker.stop();
  });

  const defer = (end: () => unknown): void => ends.defer(async () => void (await end()));
  const start = (truth: Truth, options: Partial<MoveConsumerOptions> = {}): StreamRuntime => {
    const runtime = startRuntime(truth, { url: broker.url, partitions: [partitionOf(tenant)], ...options });
    defer(() => runtime.consumer.stop());
    return runtime;
  };
  const add = async (...events: readonly MoveEvent[]): Promise<void> => {
    for (const event of events) {
      await client.xAdd(stream, `${nextId++}-0`, { event: JSON.stringify(event) });
    }
  };
  const raw = (fields: Record<string, string>): Promise<unknown> =>
    client.xAdd(stream, `${nextId++}-0`, fields);
  /** Waits until the consumer is waiting for entries. The consumer might not receive entries that are added before its group exists. */
  const attached = (): Promise<unknown> =>
    eventually(
      async () =>
        z
          .string()
          .parse(await client.sendCommand(['CLIENT', 'LIST']))
          .includes('cmd=xreadgroup'),
      { what: 'a consumer that reads' },
    );
  const until = (what: string, holds: () => boolean): Promise<unknown> =>
    eventually(async () => holds(), { what });
  const pending = async (): Promise<number> => (await client.xPending(stream, group)).pending;
  const nonePending = (): Promise<unknown> =>
    eventually(async () => (await pending()) === 0, { what: 'everything acknowledged' });
  return {
    get broker() {
      return broker;
    },
    get client() {
      return client;
    },
    connect,
    defer,
    start,
    add,
    raw,
    attached,
    until,
    pending,
    nonePending,
  };
}
