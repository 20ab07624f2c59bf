import type { Finding } from '@pointsman/protocol/findings/finding';
import { paths } from '@pointsman/protocol/paths';
import { TenantView } from '@pointsman/client/internal/http/resources';
import type { CommandRun } from '../context.ts';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { type FirstRows, firstRows } from '@pointsman/client/internal/http/pages';

/** The tenants that the token can see, sorted by name: the first {@link clientLimits.pages} pages. */
export async function listTenants(client: ApiClient): Promise<FirstRows<string>> {
  const { rows, isWhole } = await firstRows(
    client,
    paths.tenants,
    TenantView,
    clientLimits.pages * clientLimits.pageRows,
  );
  return { rows: rows.map(({ tenant }) => tenant), isWhole };
}

/** The tenant of the command line, for a token that can't list tenants. Null if none was given. */
export function givenTenant(run: CommandRun): FirstRows<string> | null {
  const tenant = run.tenantIfGiven();
  return tenant === null ? null : { rows: [tenant], isWhole: true };
}

/** The API shows no token which tenant it belongs to. */
export function unknownTenant(): Finding {
  return {
    subject: 'tenants',
    state: 'unknown',
    summary: "not checked: the token can't list tenants, and no tenant was given",
    actions: ['Give the tenant of the token with --tenant or POINTSMAN_TENANT.'],
  };
}

/** A warning when there are more tenants than were listed. */
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
