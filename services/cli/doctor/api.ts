import { z } from 'zod';

import { tenantsPath } from '../api-paths.ts';
import type { ApiClient } from '../client.ts';
import { look, type Finding } from './finding.ts';

/** Whether the API lives, reaches its stores, and knows our token. */
export async function apiFindings(client: ApiClient): Promise<Finding[]> {
  const alive = await look('API', async () => {
    await client.call('GET', '/healthz', Alive);
    return [{ about: 'API', state: 'well', says: client.url }];
  });
  // Everything else would only say the same again.
  if (alive.some(({ state }) => state === 'ill')) return alive;
  const [stores, token] = await Promise.all([
    look('stores', async () => {
      const { worker } = await client.call('GET', '/readyz', Ready);
      const reached: Finding = {
        about: 'stores',
        state: 'well',
        says: 'the API reaches PostgreSQL and Restate',
      };
      return [reached, ...workerFindings(worker)];
    }),
    look('token', async () => {
      await client.send('GET', tenantsPath, { query: { limit: 1 } });
      return [{ about: 'token', state: 'well', says: 'accepted' }];
    }),
  ]);
  return [...alive, ...stores, ...token];
}

function workerFindings(worker: z.infer<typeof Ready>['worker']): Finding[] {
  if (worker === undefined) return [];
  if (worker === 'ok') return [{ about: 'worker', state: 'well', says: 'answers through Restate' }];
  return [
    {
      about: 'worker',
      state: 'ill',
      says: 'does not answer through Restate: nothing is published, nothing that is in flight goes on',
      advice: [
        'Where it does not run, start it. Where it runs and hangs, end it with kill -9, and npm start starts another:',
        'each release goes on from its last step, once.',
      ],
    },
  ];
}

/** An API of before says nothing of the worker. */
const Ready = z.looseObject({ worker: z.enum(['ok', 'down']).optional() });

const Alive = z.looseObject({ status: z.string() });
