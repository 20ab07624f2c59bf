import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { findingLimits } from '@pointsman/protocol/limits';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { humanDuration } from '@pointsman/protocol/text/amounts';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { DeliveryView, HookView } from '@pointsman/client/internal/http/resources';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { firstRows, listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../output/printable.ts';
import { counted, moment } from '../output/format.ts';
import { check } from './check.ts';
import { inBatches } from './in-batches.ts';

/**
 * Returns findings for three problems of hooks: the secret can't be decrypted, the latest delivery has
 * failed, or a delivery is stuck.
 */
export async function hookFindings(
  client: ApiClient,
  tenants: readonly string[],
  now: number,
): Promise<Finding[]> {
  return check('hooks', async () => {
    let count = 0;
    let busy = 0;
    const findings = await inBatches(tenants, async (tenant) => {
      const most = clientLimits.pages * clientLimits.pageRows;
      const hooks = await listRows(client, pathOf(paths.hooks, { tenant }), HookView, most);
      count += hooks.length;
      const found: Finding[] = [];
      for (const hook of hooks) {
        const path = pathOf(paths.hookDeliveries, { tenant, hook: hook.hook });
        const { rows, isWhole } = await firstRows(client, path, DeliveryView, cliLimits.doctorDeliveries);
        if (!isWhole) busy += 1;
        found.push(...secretFindings(tenant, hook), ...deliveryFindings(tenant, hook.hook, rows, now));
      }
      return found;
    });
    if (findings.length > 0) return [...findings, ...olderDeliveries(busy)];
    const well: Finding = {
      subject: 'hooks',
      state: 'ok',
      summary: `${counted(count, 'hook')}, none fails`,
      actions: [],
    };
    return [well, ...olderDeliveries(busy)];
  });
}

/** Returns a finding that only the newest deliveries were checked, because an older one may be stuck. */
function olderDeliveries(hooks: number): Finding[] {
  if (hooks === 0) return [];
  const summary = `only the newest ${cliLimits.doctorDeliveries} deliveries of ${counted(hooks, 'hook')} were checked`;
  return [{ subject: 'deliveries', state: 'unknown', summary, actions: [] }];
}

function secretFindings(tenant: string, { hook, sealedUnder }: HookView): Finding[] {
  if (sealedUnder === 'current') return [];
  const isLost = sealedUnder === 'lost';
  return [
    {
      subject: `hook ${tenant}/${hook}`,
      state: isLost ? 'error' : 'warning',
      summary: isLost
        ? "its secret can't be decrypted with POINTSMAN_SECRET_KEY: every delivery is refused"
        : 'its secret is encrypted with POINTSMAN_SECRET_KEY_PREVIOUS, which must stay until the secret is set again',
      actions: [
        `Set it again: npx pointsman hooks set ${hook} --tenant ${tenant} --secret-stdin (and its other options)`,
      ],
    },
  ];
}

/** Returns findings for the newest deliveries. A failed delivery is not reported if a later one succeeded. */
function deliveryFindings(
  tenant: string,
  hook: string,
  deliveries: readonly DeliveryView[],
  now: number,
): Finding[] {
  const subject = `hook ${tenant}/${hook}`;
  const actions = [`npx pointsman hooks deliveries ${hook} --tenant ${tenant}`];
  const slow = deliveries.filter(
    ({ state, receivedAt }) =>
      (state === 'received' || state === 'fetching') &&
      now - Date.parse(receivedAt) > findingLimits.oldReleaseMs,
  );
  const findings: Finding[] = slow.map(({ delivery, state, receivedAt }) => ({
    subject,
    state: 'warning',
    summary: `the delivery ${printable(delivery)} has been ${state} for ${humanDuration(now - Date.parse(receivedAt))}`,
    actions,
  }));
  const ended = deliveries.find(({ state }) => state === 'published' || state === 'failed');
  if (ended?.state === 'failed') {
    const why = printable(ended.reason ?? 'the reason is unknown');
    const summary = `the latest delivery failed at ${moment(ended.updatedAt)}: ${why}`;
    findings.push({ subject, state: 'error', summary, actions });
  }
  return findings;
}
