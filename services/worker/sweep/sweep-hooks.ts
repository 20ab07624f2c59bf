import { type DeliveryName, deliveryCorrelationId, deliveryKey } from '@pointsman/protocol/hook';
import { sweepLimits } from '../../../core/limits/limits.ts';
import { HookDelivery, CommitStatus } from '../../../handlers/contract/hooks.ts';
import {
  endDelivery,
  listUnendedDeliveries,
  listWaitingReports,
  type NumberedDelivery,
} from '../../postgres/hooks/deliveries.ts';
import { invocationStates } from './invocations.ts';
import type { SweepDeps } from './sweep-deps.ts';

/**
 * Repairs hook deliveries and commit statuses whose workflow is not running. If Restate does not list the workflow of
 * a delivery, the workflow is started; this has no effect if it exists. If the workflow was killed, the delivery is
 * recorded as failed. The workflow of a commit status is always started again.
 */
export async function sweepHooks(deps: SweepDeps): Promise<void> {
  const olderThan = deps.clock.now() - sweepLimits.minAgeMs;
  await eachPage(
    (after) => listUnendedDeliveries(deps.db, { olderThan, limit: sweepLimits.batch, after }),
    (page) => repairDeliveries(deps, page),
  );
  await eachPage(
    (after) => listWaitingReports(deps.db, { limit: sweepLimits.batch, after }),
    (page) => restartReports(deps, page),
  );
}

async function eachPage(
  read: (after: number) => Promise<NumberedDelivery[]>,
  seeTo: (page: readonly NumberedDelivery[]) => Promise<void>,
): Promise<void> {
  let page: NumberedDelivery[] = [];
  do {
    page = await read(page.at(-1)?.seq ?? 0);
    await seeTo(page);
  } while (page.length === sweepLimits.batch);
}

async function repairDeliveries(deps: SweepDeps, page: readonly NumberedDelivery[]): Promise<void> {
  const states = await statesOf(deps, HookDelivery.name, 'run', page);
  for (const one of page) {
    const state = states.get(deliveryKey(one)) ?? 'unknown';
    if (state === 'unknown') await deps.ingress.sendClient(HookDelivery, deliveryKey(one)).run(null);
    if (state !== 'ended') continue;
    deps.log.warn(
      { correlationId: deliveryCorrelationId(one) },
      'the invocation of this delivery was killed or failed; the sweep ends the delivery',
    );
    await endDelivery(deps.db, one, 'failed', KILLED, deps.clock.now());
  }
}

const KILLED = 'its invocation was killed or failed before the delivery ended';

async function restartReports(deps: SweepDeps, page: readonly NumberedDelivery[]): Promise<void> {
  const states = await statesOf(deps, CommitStatus.name, 'report', page);
  const keys = new Set(page.map(deliveryKey).filter((key) => states.get(key) !== 'running'));
  for (const key of keys) await deps.ingress.sendClient(CommitStatus, key).report(null);
}

function statesOf({ admin }: SweepDeps, service: string, handler: string, names: readonly DeliveryName[]) {
  return invocationStates(admin, { service, handler }, names.map(deliveryKey));
}
