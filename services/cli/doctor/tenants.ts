import { z } from 'zod';

import { TenantName } from '../../../core/identifiers.ts';
import { tenantsPath } from '../api-paths.ts';
import type { ApiClient } from '../client.ts';
import { cliLimits } from '../limits.ts';
import { listRows } from '../pages.ts';

/** Runs the check for each tenant that our token may see, several at a time, and gives all findings in the order of the tenants. */
export async function ofEachTenant<T>(
  client: ApiClient,
  find: (tenant: string) => Promise<readonly T[]>,
): Promise<T[]> {
  const tenants = await listRows(client, tenantsPath, Tenant, cliLimits.pages * cliLimits.pageRows);
  const found: T[] = [];
  for (let from = 0; from < tenants.length; from += cliLimits.parallelFetches) {
    const some = tenants.slice(from, from + cliLimits.parallelFetches);
    found.push(...(await Promise.all(some.map(({ tenant }) => find(tenant)))).flat());
  }
  return found;
}

const Tenant = z.looseObject({ tenant: TenantName });
