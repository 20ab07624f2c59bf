import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createApp } from '../../../services/api/app.ts';
import { createCompiler } from '../../../services/compiler/compiler.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import { Notifications } from '../../../services/postgres/notifications.ts';
import { queueDepths } from '../../../services/rabbitmq/queue-depths.ts';
import { startRabbitmq, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { overAmqp } from '../../support/data/moves.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });
const nowhere = 'postgres://nobody@127.0.0.1:1/nothing';

describe.skipIf(skipWithout('the length of queues as a metric', ['rabbitmq-server']))(
  'the metrics of RabbitMQ queues',
  () => {
    let broker: TestBroker;
    const ends = new AsyncDisposableStack();
    let metrics: () => Promise<string>;

    beforeAll(async () => {
      broker = await startRabbitmq();
      ends.defer(() => broker.stop());
      const depths = queueDepths({ url: broker.url, queues: ['fleet', 'not-there'], log });
      ends.defer(() => depths.close());
      const compiler = createCompiler();
      ends.defer(() => compiler.close());
      // Reading the metrics opens no connection to a database, so the database URL may be unreachable.
      const db = openDatabase(nowhere, { applicationName: 'depths-test' });
      ends.defer(() => db.close());
      const app = createApp({
        db,
        notifications: new Notifications(nowhere),
        compiler,
        restateIngressUrl: 'http://127.0.0.1:1',
        restateAdminUrl: null,
        dataDir: null,
        adminTokenSha256: '0'.repeat(64),
        secretKeys: null,
        brokers: [],
        celeryGrants: [],
        queueDepths: depths,
        log,
        draining: new AbortController().signal,
      });
      ends.defer(() => app.close());
      metrics = async () => (await app.fetch(new Request('http://test/metrics'))).text();
    });
    afterAll(() => ends.disposeAsync());

    test('include the messages and consumers of each queue, and omit a queue that does not exist', async () => {
      await overAmqp(broker.url, async (channel) => {
        await channel.assertQueue('fleet', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
        for (let nth = 0; nth < 7; nth++) channel.sendToQueue('fleet', Buffer.from('x'));
      });
      const text = await eventually(
        async () => {
          const now = await metrics();
          return now.includes('pointsman_queue_messages{queue="fleet"} 7\n') && now;
        },
        { what: 'seven messages wait' },
      );
      expect(text).toContain('pointsman_queue_up 1\n');
      expect(text).toContain('# TYPE pointsman_queue_messages gauge\n');
      expect(text).toContain('pointsman_queue_consumers{queue="fleet"} 0\n');
      expect(text).not.toContain('not-there');
      await overAmqp(broker.url, async (channel) => {
        await channel.consume('fleet', () => undefined);
        await eventually(
          async () => (await metrics()).includes('pointsman_queue_consumers{queue="fleet"} 1\n'),
          { what: 'the metrics have the consumer' },
        );
      });
    });

    test('report an unreachable broker together with all other metrics, and recover when the broker is back', async () => {
      await broker.kill();
      const away = await eventually(
        async () => {
          const now = await metrics();
          return now.includes('pointsman_queue_up 0\n') && now;
        },
        { what: 'the metrics report the broker as down' },
      );
      expect(away).toContain('process_resident_memory_bytes');
      expect(away).not.toContain('queue="fleet"');
      await broker.restart();
      await eventually(async () => (await metrics()).includes('pointsman_queue_up 1\n'), {
        what: 'the metrics report the broker as up',
      });
    });
  },
);
