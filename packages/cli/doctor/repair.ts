import { connect } from '@restatedev/restate-sdk-clients';

import { correlationId } from '@pointsman/protocol/identifiers';
import { Tenant } from '../../../handlers/contract/tenant.ts';
import { releasePath } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { cliLimits } from '../limits.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { waitFor } from '@pointsman/client/internal/http/retry';
import type { Finding } from './finding.ts';
import type { InFlight } from './in-flight.ts';

/**
 * Asks the tenants to reconcile these releases now, as the worker's sweep does every few seconds: a release that no longer runs is settled,
 * others are not affected. Then waits for the results, at most {@link cliLimits.repairMs} in all.
 */
export async function repair(
  client: ApiClient,
  ingressUrl: string | null,
  releases: readonly InFlight[],
  signal: AbortSignal,
): Promise<Finding[]> {
  if (ingressUrl === null) {
    return [
      {
        subject: 'repair',
        state: 'unknown',
        summary: "not done: RESTATE_INGRESS_URL is not set. The worker's sweep does it automatically",
      },
    ];
  }
  const ingress = connect({ url: ingressUrl });
  for (const { tenant, bundle, channel, version, source } of releases) {
    await ingress.sendClient(Tenant, tenant).reconcile({ bundle, channel, version, source });
  }
  const enough = AbortSignal.any([signal, AbortSignal.timeout(cliLimits.repairMs)]);
  return Promise.all(releases.map((release) => outcomeOf(client, release, enough)));
}

async function outcomeOf(client: ApiClient, release: InFlight, enough: AbortSignal): Promise<Finding> {
  const subject = correlationId(release);
  for (;;) {
    const path = releasePath(release.tenant, release.bundle, release.version);
    const { outcome } = await client.call('GET', path, ReleaseView);
    if (outcome !== null) return { subject, state: 'ok', summary: `settled: ${outcome}` };
    const isOver = await waitFor(cliLimits.pollMs, enough).then(
      () => false,
      () => true,
    );
    if (isOver) return { subject, state: 'warning', summary: 'still runs: it waits, or is paused' };
  }
}
