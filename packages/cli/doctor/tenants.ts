import type { Finding } from '@pointsman/protocol/findings/finding';
import { paths } from '@pointsman/protocol/paths';
import { TenantView } from '@pointsman/client/internal/http/resources';
import type { CommandRun } from '../context.ts';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { type FirstRows, firstRows } from '@pointsman/client/internal/http/pages';

/**
 * Returns the names of the tenants that the token may list, sorted. Reads at most {@link clientLimits.pages}
 * pages of the list.
 */
export async function listTenants(client: ApiClient): Promise<FirstRows<string>> {
  const { rows, isWhole } = await firstRows(
    client,
    paths.tenants,
    TenantView,
    clientLimits.pages * clientLimits.pageRows,
  );
  return { rows: rows.map(({ tenant }) => tenant), isWhole };
}

/**
 * Returns the tenant that the user named on the command line or in the environment. Needed for a token that
 * may not list tenants. Returns null if the user named none.
 */
export function givenTenant(run: CommandRun): FirstRows<string> | null {
  const tenant = run.tenantIfGiven();
  return tenant === null ? null : { rows: [tenant], isWhole: true };
}

/**
 * Returns a finding that asks the user to name the tenant. The API does not reveal which tenant a token
 * belongs to.
 */
export function unknownTenant(): Finding {
  return {
    subject: 'tenants',
    state: 'unknown',
    summary: "not checked: the token can't list tenants, and no tenant was given",
    actions: ['Give the tenant of the token with --tenant or POINTSMAN_TENANT.'],
  };
}

/** Returns a warning if the list of tenants was too long to be read completely. */
export function otherTenants({ rows, isWhole }: FirstRows<string>): Finding[] {
  if (isWhole) return [];
  return [
    {
      subject: 'tenants',
      state: 'warning',
      summary: `only the first ${rows.length} tenants were checked: sinks, hooks and releases of the others were not`,
      actions: ['Run doctor with a token of each further tenant.'],
    },
  ];
}
