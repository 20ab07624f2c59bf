import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  startRabbitmq,
  startRedis,
  type TestRabbitmq,
  type TestRedis,
} from '../../support/servers/brokers.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { type DoctoredWorld, startDoctoredWorld } from '../../support/worlds/doctored-world.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { sinkOf } from '../../support/worlds/sink-world.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// This file is not part of the replay run, because it tests the command line. sinks-brokers.test.ts runs the same
// handlers with Restate replaying.

let world: DoctoredWorld;

describe.skipIf(skipWithout('the doctor on Redis', ['redis-server']))('"pointsman doctor" with Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
    world = await startDoctoredWorld({ REDIS_URL: redis.url }, ['redis']);
  });
  afterAll(async () => {
    await world.stop();
    await redis.stop();
  });

  test('reports a Redis that is down before a delivery is due, and the affected sink afterwards', async () => {
    const { plane } = world;
    const tenant = await newTenant(plane);
    await world.isWell();
    await redis.kill();
    const dead = { subject: 'Redis', state: 'error', actions: [expect.stringContaining('REDIS_URL')] };
    expect((await world.diagnosed(dead)).exit).toBe(1);
    await settled(plane, tenant, await accepted(plane, tenant));
    await eventually(async () => (await sinkOf(plane, tenant, 'redis')).failures > 0, { what: 'a failure' });
    const { problems } = await world.diagnosed({ subject: `sink ${tenant}/redis` });
    expect(problems[0]).toMatchObject(dead);
    await redis.restart();
    await world.isWell();
  });

  test('reports a Redis that responds but refuses writes', async () => {
    const client = createClient({ url: redis.url });
    await client.connect();
    try {
      await client.configSet('min-replicas-to-write', '1');
      const { exit } = await world.diagnosed({ subject: 'Redis', state: 'error' });
      expect(exit).toBe(1);
      await client.configSet('min-replicas-to-write', '0');
      await world.isWell();
    } finally {
      client.destroy();
    }
  });
});

describe.skipIf(skipWithout('the doctor on RabbitMQ', ['rabbitmq-server']))(
  '"pointsman doctor" with RabbitMQ',
  () => {
    let rabbit: TestRabbitmq;
    beforeAll(async () => {
      rabbit = await startRabbitmq();
      world = await startDoctoredWorld({ AMQP_URL: rabbit.url }, ['rabbitmq']);
    });
    afterAll(async () => {
      await world.stop();
      await rabbit.stop();
    });

    test('reports a RabbitMQ that is down', async () => {
      await world.isWell();
      await rabbit.kill();
      const dead = { subject: 'RabbitMQ', state: 'error', actions: [expect.stringContaining('AMQP_URL')] };
      expect((await world.diagnosed(dead)).exit).toBe(1);
      await rabbit.restart();
      await world.isWell();
    });
  },
);
