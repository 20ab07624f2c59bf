import { connect } from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { CeleryGrant } from '../../../core/celery-grant.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { type AskedWorld, givePolicy, startAskedWorld } from '../../support/worlds/asked-world.ts';
import { startRabbitmq, type TestBroker } from '../../support/servers/brokers.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// This file is not part of the replay run, because it tests the operator's list. remote-compile.test.ts runs the same
// handlers with Restate replaying.
//
// That list names the Celery tasks and queues of the platform's broker that each tenant may use.

const grant = (tenant: string, queue: string, task = 'pointsman.compile'): CeleryGrant => ({
  tenant,
  broker: 'rabbitmq',
  queue,
  task,
});

describe.skipIf(skipWithout('the operator’s list of Celery tasks', ['rabbitmq-server']))(
  'a Celery task on the broker of the platform',
  () => {
    const cleanup = new AsyncDisposableStack();
    let broker: TestBroker;
    let world: AskedWorld;
    let tenant: string;
    let other: string;

    beforeAll(async () => {
      broker = await startRabbitmq();
      cleanup.defer(() => broker.stop());
      const POINTSMAN_CELERY_TASKS = JSON.stringify([grant('*', 'compile')]);
      world = await startAskedWorld({ env: { AMQP_URL: broker.url, POINTSMAN_CELERY_TASKS } });
      cleanup.defer(() => world.stop());
    });
    beforeEach(async () => {
      [tenant, other] = [await newTenant(world.plane), await newTenant(world.plane)];
    });
    afterAll(() => cleanup.disposeAsync());

    const apiOf = async (...celeryGrants: CeleryGrant[]): Promise<TestApi> => {
      const { postgres, restate } = world.plane;
      const api = await startApi({ appUrl: postgres.appUrl, ingressUrl: restate.ingressUrl, celeryGrants });
      cleanup.defer(() => api.stop());
      return api;
    };
    const put = (api: TestApi, rule: object) =>
      api.call('PUT', `/v1/tenants/${tenant}/policy`, {
        json: { compile: { executor: 'celery', broker: 'rabbitmq', ...rule } },
      });
    const hasQueue = async (queue: string): Promise<boolean> => {
      const connection = await connect(broker.url);
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      try {
        await channel.checkQueue(queue);
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code === 404) return false;
        throw error;
      } finally {
        await connection.close();
      }
    };

    test('can be used in a tenant’s policy only if the operator allows it for that tenant, and a refusal lists only the queues of that tenant', async () => {
      const api = await apiOf(
        grant('*', 'compile'),
        grant(tenant, 'fast', 'own.build'),
        grant(other, 'theirs'),
      );
      expect((await put(api, { queue: 'compile' })).status).toBe(200);
      expect((await put(api, { queue: 'fast', task: 'own.build' })).status).toBe(200);
      for (const rule of [
        { queue: 'theirs' },
        { queue: 'nobodys' },
        { queue: 'compile', task: 'own.build' },
        { queue: 'compile', broker: 'redis' },
      ]) {
        const { status, json } = await put(api, rule);
        expect([status, json['code'], json['errors']]).toEqual([
          422,
          'invalid_request',
          [
            {
              in: 'body',
              pointer: '/compile',
              message: expect.stringContaining(
                'allowed: the task "pointsman.compile" in the queue "compile" of rabbitmq; the task "own.build" in the queue "fast" of rabbitmq',
              ),
            },
          ],
        ]);
        expect(JSON.stringify(json).includes('theirs')).toBe(rule.queue === 'theirs');
      }
    });

    test('is not allowed for any tenant unless the operator lists it', async () => {
      const { status, json } = await put(await apiOf(), { queue: 'compile' });
      expect([status, json['detail']]).toEqual([422, expect.stringContaining('allowed: none')]);
    });

    test('that is no longer listed is not sent: the release ends as errored with the reason, and no queue is declared', async () => {
      await givePolicy(world.plane, tenant, {
        compile: { executor: 'celery', broker: 'rabbitmq', queue: 'removed' },
      });
      expect(await settled(world.plane, tenant, await accepted(world.plane, tenant))).toMatchObject({
        outcome: 'errored',
        reason: expect.stringMatching(
          /^the operator does not allow the task "pointsman\.compile" in the queue "removed" of rabbitmq for this tenant/,
        ),
      });
      expect(await hasQueue('removed')).toBe(false);
      await givePolicy(world.plane, tenant, {
        compile: { executor: 'celery', broker: 'rabbitmq', queue: 'compile', within: '2s', attempts: 1 },
      });
      await settled(world.plane, tenant, await accepted(world.plane, tenant));
      expect(await hasQueue('compile'), 'a listed queue is declared').toBe(true);
    });
  },
);
