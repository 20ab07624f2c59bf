import { startRabbitmq, startRedis } from '../support/servers/brokers.ts';
import { type ControlPlane, startControlPlane } from '../support/worlds/control-plane.ts';
import { missingNotice, missingPackages, type SystemPackage } from '../support/servers/system-packages.ts';
import { type ApiProcess, startApiProcess } from '../support/processes/api-process.ts';
import { benchBacklog } from './backlog.ts';
import { benchFollowerRead } from './follower-read.ts';
import { benchFollowers, type BrokerUrls } from './followers.ts';
import type { BenchRow } from './measure.ts';
import { benchPointerReads } from './pointer-reads.ts';
import { benchRabbitExchange } from './rabbitmq-sink.ts';
import { benchRedisStream } from './redis-sink.ts';
import { benchWaitingClients } from './waiting-clients.ts';
import { benchWebhooks } from './webhook-sink.ts';

type Print = (title: string, rows: readonly BenchRow[]) => void;

/**
 * Runs the benchmarks of the distribution of moves. Each benchmark has its own servers, so no benchmark meets data of
 * another.
 */
export async function benchDistribution(wants: (part: string) => boolean, print: Print): Promise<void> {
  if (wants('followers')) {
    await withBrokers((brokers) =>
      withPlane(brokers, async (plane, api) =>
        print('Followers, beside the bound', await benchFollowers(plane, api, brokers)),
      ),
    );
  }
  if (wants('sinks')) {
    if (hasAll('redis-server')) print('Redis, beside a bare client of it', await benchRedisStream());
    if (hasAll('rabbitmq-server')) print('RabbitMQ, beside a bare client of it', await benchRabbitExchange());
    print('Webhooks, beside a bare client', await benchWebhooks());
    if (hasAll('redis-server')) {
      const redis = await startRedis({ appendfsync: 'everysec' });
      try {
        await withPlane({ redis: redis.url, rabbitmq: null }, async (plane) =>
          print(
            'A sink that was behind, beside a bare client of Redis',
            await benchBacklog(plane, redis.url),
          ),
        );
      } finally {
        await redis.stop();
      }
    }
  }
  if (wants('reads')) {
    print('A read of a follower, beside a plain property', await benchFollowerRead());
    await withPlane(NO_BROKERS, async (plane, api) =>
      print('Pointer reads, beside nginx', await benchPointerReads(plane, api)),
    );
    await withPlane(NO_BROKERS, async (plane) => print('Waiting clients', await benchWaitingClients(plane)));
  }
}

const NO_BROKERS: BrokerUrls = { redis: null, rabbitmq: null };

function hasAll(...wanted: readonly SystemPackage[]): boolean {
  const missing = missingPackages(wanted);
  if (missing.length > 0) process.stdout.write(`\n${missingNotice('a sink', missing)}\n`);
  return missing.length === 0;
}

/** Starts those brokers that are installed on this machine. */
async function withBrokers(work: (brokers: BrokerUrls) => Promise<void>): Promise<void> {
  const [redis, rabbitmq] = await Promise.all([
    hasAll('redis-server') ? startRedis({ appendfsync: 'everysec' }) : null,
    hasAll('rabbitmq-server') ? startRabbitmq() : null,
  ]);
  try {
    await work({ redis: redis?.url ?? null, rabbitmq: rabbitmq?.url ?? null });
  } finally {
    await Promise.all([redis?.stop(), rabbitmq?.stop()]);
  }
}

async function withPlane(
  { redis, rabbitmq }: BrokerUrls,
  work: (plane: ControlPlane, api: ApiProcess) => Promise<void>,
): Promise<void> {
  const workerEnv: Record<string, string> = {
    // Allows webhooks to endpoints on this machine.
    POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32',
    ...(redis === null ? {} : { REDIS_URL: redis }),
    ...(rabbitmq === null ? {} : { AMQP_URL: rabbitmq }),
  };
  const plane = await startControlPlane({
    fsync: true,
    plainWorker: true,
    workerEnv: () => Promise.resolve(workerEnv),
  });
  try {
    const api = await startApiProcess(plane);
    try {
      await work(plane, api);
    } finally {
      await api.stop();
    }
  } finally {
    await plane.stop();
  }
}
