import { expect, test } from 'vitest';

import { apiConfig, stackConfig, workerConfig } from '../../services/config/config.ts';
import { problemsOf } from '../support/data/config-problems.ts';

const api = {
  POINTSMAN_ADMIN_TOKEN: 'correct-horse-battery',
  DATABASE_URL: 'postgres://app:pw@db/pointsman',
  RESTATE_INGRESS_URL: 'http://restate:8080',
  RESTATE_ADMIN_URL: 'http://restate:9070',
};

test.each(['AMQP_URL', 'REDIS_URL'] as const)('the setting %s is null unless it is configured', (name) => {
  const field = { AMQP_URL: 'amqpUrl', REDIS_URL: 'redisUrl' } as const;
  const good = { AMQP_URL: 'amqps://u:p@mq.example/prod', REDIS_URL: 'rediss://:p@redis.example:6380/2' }[
    name
  ];
  const worker = {
    ...api,
    POINTSMAN_WORKER_PORT: '7401',
    POINTSMAN_WORKER_URL: 'http://worker:7401',
  };
  expect(workerConfig(worker)[field[name]]).toBeNull();
  expect(workerConfig({ ...worker, [name]: good })[field[name]]).toBe(good);
  for (const bad of ['localhost', 'http://h', 'redis:///1', 'redis://h/one', 'amqp://']) {
    expect(
      problemsOf(() => workerConfig({ ...worker, [name]: bad })),
      bad,
    ).toHaveLength(1);
    expect(
      problemsOf(() => stackConfig({ [name]: bad })),
      bad,
    ).toHaveLength(1);
  }
});

test('unroutable moves are returned by RabbitMQ by default, and go to an alternate exchange if that is configured', () => {
  expect(apiConfig(api).amqpUnrouted).toBe('mandatory');
  expect(apiConfig({ ...api, POINTSMAN_AMQP_UNROUTED: 'alternate' }).amqpUnrouted).toBe('alternate');
  expect(problemsOf(() => stackConfig({ POINTSMAN_AMQP_UNROUTED: 'both' }))).toEqual([
    'POINTSMAN_AMQP_UNROUTED must be mandatory or alternate',
  ]);
});

test('the measured queues of RabbitMQ are a list of names, and require a configured RabbitMQ', () => {
  const amqp = { ...api, AMQP_URL: 'amqp://mq.example' };
  expect(apiConfig(amqp).amqpQueues).toEqual([]);
  expect(apiConfig({ ...amqp, POINTSMAN_AMQP_QUEUES: 'fleet, fleet.dead' }).amqpQueues).toEqual([
    'fleet',
    'fleet.dead',
  ]);
  for (const wrong of ['a,,b', 'a b', '"', 'x'.repeat(256), Array(51).fill('q').join()])
    expect(problemsOf(() => apiConfig({ ...amqp, POINTSMAN_AMQP_QUEUES: wrong }))).toHaveLength(1);
  expect(problemsOf(() => stackConfig({ POINTSMAN_AMQP_QUEUES: 'fleet' }))).toEqual([
    'POINTSMAN_AMQP_QUEUES is set, so AMQP_URL must also be set',
  ]);
});

test('the allowed Celery tasks are a list that is empty by default, and all mistakes in it are reported with their location', () => {
  const redis = { ...api, REDIS_URL: 'redis://h' };
  const tasks = (value: unknown) => ({ ...redis, POINTSMAN_CELERY_TASKS: JSON.stringify(value) });
  expect(apiConfig(redis).celeryGrants).toEqual([]);
  const grant = { tenant: '*', broker: 'redis', queue: 'compile' };
  expect(apiConfig(tasks([grant, { ...grant, tenant: 'acme', task: 'acme.build' }])).celeryGrants).toEqual([
    { ...grant, task: 'pointsman.compile' },
    { ...grant, tenant: 'acme', task: 'acme.build' },
  ]);
  for (const wrong of ['not json', '{}', 'null', JSON.stringify(Array.from({ length: 1_001 }, () => grant))])
    expect(problemsOf(() => apiConfig({ ...redis, POINTSMAN_CELERY_TASKS: wrong }))).toHaveLength(1);
  const [problem] = problemsOf(() =>
    apiConfig(tasks([grant, { ...grant, tenant: 'Acme' }, { ...grant, queue: 'a b' }, { ...grant, x: 1 }])),
  );
  expect(problem).toMatch(/entry 2, "tenant": .*; entry 3, "queue": .*; entry 4: /);
  expect(problem).not.toMatch(/Acme|a b/);
  const ofWorker = (env: object) =>
    workerConfig({ ...env, POINTSMAN_WORKER_PORT: '7401', POINTSMAN_WORKER_URL: 'http://worker:7401' });
  for (const read of [apiConfig, stackConfig, ofWorker])
    expect(problemsOf(() => read(tasks([{ ...grant, broker: 'rabbitmq' }])))).toContain(
      'POINTSMAN_CELERY_TASKS names a broker whose address is not set: set AMQP_URL',
    );
});

test('tenants share the Redis streams by default, and each tenant has its own if that is configured', () => {
  const worker = { ...api, POINTSMAN_WORKER_PORT: '7401', POINTSMAN_WORKER_URL: 'http://worker:7401' };
  expect(workerConfig(worker).redisStreams).toBe('shared');
  expect(workerConfig({ ...worker, POINTSMAN_REDIS_STREAMS: 'per-tenant' }).redisStreams).toBe('per-tenant');
  expect(problemsOf(() => stackConfig({ POINTSMAN_REDIS_STREAMS: 'own' }))).toEqual([
    'POINTSMAN_REDIS_STREAMS must be shared or per-tenant',
  ]);
});

test('the Redis cache is off by default, and requires a configured Redis', () => {
  const worker = { ...api, POINTSMAN_WORKER_PORT: '7401', POINTSMAN_WORKER_URL: 'http://worker:7401' };
  const redis = { REDIS_URL: 'redis://h' };
  expect(workerConfig({ ...worker, ...redis }).redisCache).toBe(false);
  expect(workerConfig({ ...worker, ...redis, POINTSMAN_REDIS_CACHE: 'off' }).redisCache).toBe(false);
  expect(workerConfig({ ...worker, ...redis, POINTSMAN_REDIS_CACHE: 'on' }).redisCache).toBe(true);
  expect(problemsOf(() => workerConfig({ ...worker, ...redis, POINTSMAN_REDIS_CACHE: 'yes' }))).toEqual([
    'POINTSMAN_REDIS_CACHE must be on or off',
  ]);
  for (const read of [
    () => workerConfig({ ...worker, POINTSMAN_REDIS_CACHE: 'on' }),
    () => stackConfig({ POINTSMAN_REDIS_CACHE: 'on' }),
  ]) {
    expect(problemsOf(read)).toEqual(['POINTSMAN_REDIS_CACHE is on, so REDIS_URL must be set']);
  }
});
