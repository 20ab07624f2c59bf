import type { Finding } from '@pointsman/protocol/findings/finding';
import { correlationId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { waitFor } from '@pointsman/client/internal/http/retry';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { check } from './check.ts';
import { inBatches } from './in-batches.ts';

/**
 * Reconciles these releases, as the worker's periodic sweep does every few seconds: a release whose workflow
 * has ended is settled, and a release whose workflow runs does not change. Then waits until the releases that
 * still run have settled. Takes at most {@link cliLimits.repairMs} in total.
 */
export async function repair(
  client: ApiClient,
  releases: readonly ReleaseView[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(cliLimits.repairMs)]);
  const attempts = await inBatches(releases, async (release) => [await reconcile(client, release, deadline)]);
  const failures = attempts.flatMap(({ failure }) => failure);
  const running = attempts.flatMap(({ after }) => (after === null ? [] : [after]));
  return [...failures, ...(await Promise.all(running.map((one) => outcomeOf(client, one, deadline)))).flat()];
}

/** Reconciles one release. Returns the release afterwards, or a finding with the error. */
async function reconcile(
  client: ApiClient,
  { tenant, bundle, version }: ReleaseView,
  deadline: AbortSignal,
): Promise<{ readonly after: ReleaseView | null; readonly failure: readonly Finding[] }> {
  const subject = correlationId({ tenant, bundle, version });
  if (deadline.aborted) return { after: null, failure: [tooLate(subject)] };
  let after: ReleaseView | null = null;
  const failure = await check(subject, async () => {
    after = await client.call('POST', pathOf(paths.reconcile, { tenant, bundle, version }), ReleaseView, {
      deadline,
    });
    return [];
  });
  return { after, failure };
}

function tooLate(subject: string): Finding {
  const actions = ['To repair further releases: npx pointsman doctor --repair'];
  return { subject, state: 'warning', summary: 'not reconciled: the time for repairs is over', actions };
}

/**
 * Waits until a release has settled. Does not wait for a release that waits for a person or another system,
 * because it needs no repair.
 */
async function outcomeOf(client: ApiClient, release: ReleaseView, deadline: AbortSignal): Promise<Finding[]> {
  const subject = correlationId(release);
  const path = pathOf(paths.release, release);
  return check(subject, async () => {
    for (let current = release; ; current = await client.call('GET', path, ReleaseView, { deadline })) {
      const { outcome, status } = current;
      if (outcome !== null) return [{ subject, state: 'ok', summary: `settled: ${outcome}`, actions: [] }];
      if (status === 'waiting') return [];
      const isOver = await waitFor(clientLimits.pollMs, deadline).then(
        () => false,
        () => true,
      );
      if (isOver)
        return [{ subject, state: 'warning', summary: 'still runs: it waits, or is paused', actions: [] }];
    }
  });
}
