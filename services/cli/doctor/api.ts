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
      await client.call('GET', '/readyz', Alive);
      return [{ about: 'stores', state: 'well', says: 'the API reaches PostgreSQL and Restate' }];
    }),
    look('token', async () => {
      await client.send('GET', tenantsPath, { query: { limit: 1 } });
      return [{ about: 'token', state: 'well', says: 'accepted' }];
    }),
  ]);
  return [...alive, ...stores, ...token];
}

const Alive = z.looseObject({ status: z.string() });
