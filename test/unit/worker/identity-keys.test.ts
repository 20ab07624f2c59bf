import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { WorkerConfig } from '../../../services/config/config.ts';
import { openWorker } from '../../../services/worker/worker.ts';

const config: WorkerConfig = {
  host: '127.0.0.1',
  port: 9,
  workerUrl: 'http://127.0.0.1:9',
  publicUrl: 'http://127.0.0.1:7400',
  identityKey: null,
  databaseUrl: 'postgres://app:pw@127.0.0.1:9/pointsman',
  restateIngressUrl: 'http://127.0.0.1:9',
  restateAdminUrl: 'http://127.0.0.1:9',
  amqpUrl: null,
  amqpUnrouted: 'mandatory',
  redisUrl: null,
  redisCache: false,
  redisStreams: 'shared',
  celeryGrants: [],
  auditMs: 1,
  outboundAllow: [],
  secretKeys: null,
  logLevel: 'info',
};

test('a worker that accepts unsigned calls logs one warning, and the warning names the setting', async () => {
  const lines = await warningsOf(config);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('POINTSMAN_WORKER_IDENTITY_KEY');
});

test('a worker that is configured with the identity key of its Restate does not warn', async () => {
  const identityKey = 'publickeyv1_2G8dCQhArfvGpzPw5Vx2ALciR4xCLHfS5YaT93XjNxX9';
  expect(await warningsOf({ ...config, identityKey })).toEqual([]);
});

async function warningsOf(of: WorkerConfig): Promise<string[]> {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const worker = await openWorker(of, log);
  await worker.close();
  return lines;
}
