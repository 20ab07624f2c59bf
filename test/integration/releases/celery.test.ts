import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { artifactManifest, mediaTypes } from '../../../packages/protocol/artifacts/oci.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import type { CeleryQueue, CeleryTask } from '../../../services/celery/celery-queue.ts';
import { rabbitCeleryQueue } from '../../../services/celery/rabbitmq-queue.ts';
import { redisCeleryQueue } from '../../../services/celery/redis-queue.ts';
import { startRabbitmq, startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { type CapabilityServer, type Offer, startCapabilityServer } from '../../support/data/capability.ts';
import { startCeleryWorker, type TestCeleryWorker } from '../../support/servers/celery-worker.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const PACKAGES = ['redis-server', 'rabbitmq-server', 'python3-celery', 'python3-redis'] as const;

const BROKERS = [
  { name: 'RabbitMQ', start: startRabbitmq, open: rabbitCeleryQueue },
  { name: 'Redis', start: startRedis, open: redisCeleryQueue },
] as const;

const log = pino({ level: 'silent' });

const FILES = {
  'agents/triage.json': '{ "name": "triage", "limits": [1.0, 1e21, 0.000001], "ø": "\\u00e6\\n" }',
  'prompts/triage.md': '# Be kind\n',
};

describe.skipIf(skipWithout('compiling with Celery', PACKAGES)).each(BROKERS)(
  'a compile job that a real Celery worker gets over $name',
  ({ start, open }) => {
    const cleanup = new AsyncDisposableStack();
    let broker: TestBroker;
    let queue: CeleryQueue;
    let worker: TestCeleryWorker;
    let capabilities: CapabilityServer;
    const offered: Offer[] = [];
    const offer: CapabilityServer['offer'] = async (files, options) => {
      const made = await capabilities.offer(files, options);
      offered.push(made);
      return made;
    };

    beforeAll(async () => {
      broker = await start();
      cleanup.defer(() => broker.stop());
      capabilities = await startCapabilityServer();
      cleanup.defer(() => capabilities.stop());
      queue = open({ url: broker.url, log });
      cleanup.defer(() => queue.close());
      worker = await startCeleryWorker({ brokerUrl: broker.url, queue: 'compile', concurrency: 2 });
      cleanup.defer(() => worker.stop());
    });

    afterAll(() => cleanup.disposeAsync());

    test('is fetched, compiled, uploaded and reported, with the same digests as the local compiler', async () => {
      const job = await offer(FILES);
      expect(await queue.enqueue(taskOf(job))).toEqual({ kind: 'queued' });

      await reported(job);

      const expected = artifactManifest([
        file(
          'agents/triage.json',
          '{"limits":[1,1e+21,0.000001],"name":"triage","ø":"æ\\n"}',
          mediaTypes.document,
        ),
        file('prompts/triage.md', '# Be kind\n', 'text/markdown'),
      ]);
      expect(job.report).toEqual({
        status: 'compiled',
        artifacts: [{ channel: null, digest: expected.manifest.digest }],
      });
      expect([...job.blobs.keys()].toSorted()).toEqual(expected.blobDigests.toSorted());
      expect(job.blobs.get(expected.manifest.digest)).toEqual({
        bytes: Buffer.from(expected.manifest.text),
        mediaType: mediaTypes.manifest,
      });
    });

    test('reports every mistake of a source with its location', async () => {
      const job = await offer({
        'a.json': '{\n  "a": nul\n}',
        'b.json': '{"b":1,"b":2}',
        'c.md': '',
      });
      await queue.enqueue(taskOf(job));
      await reported(job);
      expect(job.report).toMatchObject({
        status: 'invalid',
        diagnostics: [
          { path: 'a.json', line: 2, column: 8, code: 'json_syntax' },
          { path: 'b.json', code: 'duplicate_key' },
        ],
      });
      expect(job.blobs.size).toBe(0);
    });

    test('runs twice when it is enqueued twice, and the second report gets 409', async () => {
      const job = await offer(FILES);
      await queue.enqueue(taskOf(job));
      await queue.enqueue(taskOf(job));
      await eventually(async () => count(job, 'report 200') + count(job, 'report 409') === 2, {
        what: 'both tasks have reported',
      });
      expect(count(job, 'source 200')).toBe(2);
      expect(count(job, 'report 409')).toBe(1);
      await eventually(async () => (await worker.log()).includes('already answered (POST: HTTP 409)'), {
        what: 'the worker has finished the job',
      });
    });

    test('is retried when Pointsman responds with Retry-After, and when a blob arrives damaged', async () => {
      const asked = new Set<string>();
      const job = await offer(FILES, {
        instead: async (what) => {
          if (asked.has(what)) return null;
          asked.add(what);
          return what === 'blob' ? { status: 422 } : { status: 503, headers: { 'retry-after': '1' } };
        },
      });
      await queue.enqueue(taskOf(job));
      await reported(job);
      expect(job.exchanges.filter((exchange) => !/ 20[01]$/.test(exchange))).toEqual([
        'source 503',
        'blob 422',
        'report 503',
      ]);
      expect(job.report?.status).toBe('compiled');
    });

    test('is dropped when its callback address is expired', async () => {
      const job = await offer(FILES, { instead: async () => ({ status: 410 }) });
      const before = (await worker.log()).length;
      await queue.enqueue(taskOf(job));
      await eventually(
        async () => (await worker.log()).slice(before).includes('already answered (GET: HTTP 410)'),
        {
          what: 'the worker has finished the job',
        },
      );
      expect(job.exchanges).toEqual(['source 410']);
    });

    test('is not run after its deadline', async () => {
      const late = await offer(FILES);
      const expiresAt = Date.now() + 500;
      expect(await queue.enqueue({ ...taskOf(late), queue: 'later', expiresAt })).toEqual({ kind: 'queued' });
      await eventually(async () => Date.now() > expiresAt, { what: 'its deadline has passed' });
      const next = await offer(FILES);
      expect(await queue.enqueue({ ...taskOf(next), queue: 'later' })).toEqual({ kind: 'queued' });
      const another = await startCeleryWorker({ brokerUrl: broker.url, queue: 'later', concurrency: 1 });
      try {
        await reported(next);
        expect(late.exchanges).toEqual([]);
      } finally {
        await another.stop();
      }
    });

    test('never leaves its callback address in a log of the worker, whether it succeeds, is retried or fails', async () => {
      const refused = await offer(FILES, { instead: async () => ({ status: 404 }) });
      await queue.enqueue(taskOf(refused));
      await eventually(async () => (await worker.log()).includes('exchange.Refused: POST: HTTP 404'), {
        what: 'the worker has logged that its report was refused',
      });
      const text = await worker.log();
      expect(text).toContain(refused.job.correlationId);
      expect(offered.filter(({ capability }) => text.includes(capability))).toEqual([]);
    });
  },
);

function taskOf(offer: Offer): CeleryTask {
  return {
    id: `${offer.job.correlationId}:${offer.capability.slice(0, 8)}`,
    task: 'pointsman.compile',
    queue: 'compile',
    kwargs: offer.job,
    expiresAt: Date.parse(offer.job.deadline),
    correlationId: offer.job.correlationId,
  };
}

async function reported(offer: Offer): Promise<void> {
  await eventually(async () => offer.report !== null, {
    // With RabbitMQ, a worker checks only every five seconds whether a retry is due.
    withinMs: 90_000,
    what: `a report on ${offer.job.correlationId}`,
  });
}

function count(offer: Offer, exchange: string): number {
  return offer.exchanges.filter((each) => each === exchange).length;
}

function file(path: string, text: string, mediaType: string) {
  return { path, digest: digestOf(text), size: Buffer.byteLength(text), mediaType };
}
