import { z } from 'zod';

import { TenantName } from '@pointsman/protocol/identifiers';
import { tenantsPath } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { type FirstRows, firstRows } from '@pointsman/client/internal/http/pages';
import type { Finding } from './finding.ts';

/** The tenants that the token can see, sorted by name: the first {@link clientLimits.pages} pages. */
export async function listTenants(client: ApiClient): Promise<FirstRows<string>> {
  const { rows, isWhole } = await firstRows(
    client,
    tenantsPath,
    Tenant,
    clientLimits.pages * clientLimits.pageRows,
  );
  return { rows: rows.map(({ tenant }) => tenant), isWhole };
}

/** A warning when there are more tenants than were listed. */
export function otherTenants({ rows, isWhole }: FirstRows<string>): Finding[] {
  if (isWhole) return [];
  return [
    {
      subject: 'tenants',
      state: 'warning',
      summary: `only the first ${rows.length} tenants were checked: sinks, hooks and releases of the others were not`,
      actions: [
        'Run doctor with a token of each further tenant, or set DATABASE_URL to check their releases.',
      ],
    },
  ];
}

/** Runs the check for each tenant, several at a time. Returns all findings in the order of the tenants. */
export async function ofEachTenant<T>(
  tenants: readonly string[],
  find: (tenant: string) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = [];
  for (let from = 0; from < tenants.length; from += cliLimits.parallelFetches) {
    const some = tenants.slice(from, from + cliLimits.parallelFetches);
    found.push(...(await Promise.all(some.map(find))).flat());
  }
  return found;
}

const Tenant = z.looseObject({ tenant: TenantName });
