import { z } from 'zod';

import { Release, Tenant } from '../../../handlers/contract.ts';
import { RestateAdmin } from '../../restate/admin.ts';
import { cliLimits } from '../limits.ts';
import { printable } from '../printable.ts';
import { look, type Finding } from './finding.ts';

/** Whether Restate is well, and what of ours it has paused or keeps retrying. */
export async function restateFindings(adminUrl: string | null): Promise<Finding[]> {
  if (adminUrl === null) {
    return [{ about: 'Restate', state: 'unknown', says: 'RESTATE_ADMIN_URL is not set', advice: [] }];
  }
  return look('Restate', async () => {
    const admin = new RestateAdmin(adminUrl);
    const { version } = await admin.version();
    const stuck = (await admin.query(STUCK)).map((row) => Stuck.parse(row));
    const well: Finding = { about: 'Restate', state: 'well', says: `${version} at ${adminUrl}` };
    return [well, ...stuck.map(stuckFinding)];
  });
}

const STUCK = `SELECT id, target, status, retry_count, last_failure FROM sys_invocation
  WHERE target_service_name IN ('${Tenant.name}', '${Release.name}') AND status IN ('paused', 'backing-off')
  ORDER BY created_at LIMIT ${cliLimits.shownRows}`;

const Stuck = z.object({
  id: z.string(),
  target: z.string(),
  status: z.enum(['paused', 'backing-off']),
  retry_count: z.number().nullish(),
  last_failure: z.string().nullish(),
});

function stuckFinding({ id, target, status, retry_count, last_failure }: z.infer<typeof Stuck>): Finding {
  const why = printable(last_failure ?? 'nobody knows why');
  if (status === 'backing-off') {
    return { about: target, state: 'odd', says: `retried ${retry_count ?? 0} times: ${why}` };
  }
  return {
    about: target,
    state: 'ill',
    says: `paused: ${why}`,
    advice: [
      `When the cause is mended: npx restate invocations resume ${id}`,
      `To give it up: npx restate invocations cancel ${id}`,
    ],
  };
}
