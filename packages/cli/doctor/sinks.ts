import type { Finding } from '@pointsman/protocol/findings/finding';
import { isBroker } from '@pointsman/protocol/sinks/sink';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { SinkView } from '@pointsman/client/internal/http/resources';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../output/printable.ts';
import { lagOf, failureOf } from '../commands/sinks/sink-view.ts';
import { counted, firstNames } from '../output/format.ts';
import { check } from './check.ts';
import { inBatches } from './in-batches.ts';

interface Trouble extends Finding {
  /**
   * The key by which findings are grouped. Tenants with the same problem of a shared broker have the same
   * key, so the problem is reported once. Null for a webhook, which is never grouped.
   */
  readonly shared: string | null;
  readonly tenant: string;
}

/**
 * Returns findings for sinks that are paused, failing, far behind, or without a secret. If several tenants
 * have the same problem with a shared broker, returns only one finding.
 */
export async function sinkFindings(
  client: ApiClient,
  tenants: readonly string[],
  now: number,
): Promise<Finding[]> {
  return check('sinks', async () => {
    let count = 0;
    const troubles = await inBatches(tenants, async (tenant) => {
      const most = clientLimits.pages * clientLimits.pageRows;
      const sinks = await listRows(client, pathOf(paths.sinks, { tenant }), SinkView, most);
      count += sinks.length;
      return sinks.flatMap((sink) => [
        ...deliveryTroubles(tenant, sink, now),
        ...secretTroubles(tenant, sink),
      ]);
    });
    if (troubles.length === 0) {
      return [
        { subject: 'sinks', state: 'ok', summary: `${counted(count, 'sink')}, all deliver`, actions: [] },
      ];
    }
    const groups = new Map<string, Trouble[]>();
    for (const trouble of troubles) {
      const key = trouble.shared ?? `${trouble.tenant} ${trouble.subject} ${trouble.summary}`;
      groups.set(key, [...(groups.get(key) ?? []), trouble]);
    }
    return [...groups.values()].map(grouped);
  });
}

function deliveryTroubles(tenant: string, sink: SinkView, now: number): Trouble[] {
  const of = `${sink.sink} --tenant ${tenant}`;
  const resume = `After fixing the cause: npx pointsman sinks resume ${of}`;
  const about = {
    tenant,
    subject: `sink ${tenant}/${sink.sink}`,
    summary: printable(failureOf(sink) ?? lagOf(sink)),
  };
  if (sink.state === 'paused') {
    // If a person paused the sink, that was intentional and is only a warning. If Pointsman paused it, the
    // operator may not know, so it is an error.
    const state = sink.pausedBy?.startsWith('pointsman/') === true ? 'error' : 'warning';
    return [{ ...about, state, actions: [resume], shared: null }];
  }
  if (sink.state === 'failing') {
    const failingMs = now - Date.parse(sink.failingSince ?? '');
    const state = failingMs < cliLimits.failingSinkMs ? 'warning' : 'error';
    if (isBroker(sink.sink)) {
      const actions = [
        `Fix the broker: deliveries resume automatically. State of one tenant: npx pointsman sinks show ${of}`,
      ];
      return [{ ...about, state, actions, shared: `${sink.sink} ${state} ${sink.lastError ?? ''}` }];
    }
    return [
      { ...about, state, actions: [`Its responses: npx pointsman sinks attempts ${of}`], shared: null },
    ];
  }
  if (sink.lag < cliLimits.sinkLag) return [];
  return [{ ...about, state: 'warning', actions: [`npx pointsman sinks show ${of}`], shared: null }];
}

function secretTroubles(tenant: string, { sink, sealedUnder }: SinkView): Trouble[] {
  if (sealedUnder !== 'lost' && sealedUnder !== 'previous') return [];
  const isLost = sealedUnder === 'lost';
  return [
    {
      tenant,
      subject: `sink ${tenant}/${sink}`,
      state: isLost ? 'error' : 'warning',
      summary: isLost
        ? "its secret can't be decrypted with POINTSMAN_SECRET_KEY: nothing is delivered"
        : 'its secret is encrypted with POINTSMAN_SECRET_KEY_PREVIOUS, which must stay until the secret is rotated',
      actions: [`Rotate the secret: npx pointsman sinks rotate ${sink} --tenant ${tenant}`],
      shared: null,
    },
  ];
}

function grouped(same: readonly Trouble[]): Finding {
  const [{ subject, state, summary, actions }] = same as readonly [Trouble, ...Trouble[]];
  if (same.length === 1) return { subject, state, summary, actions };
  const tenants = firstNames(same.map(({ tenant }) => tenant));
  const name = subject.slice(subject.lastIndexOf('/') + 1);
  return {
    subject: `sink ${name}`,
    state,
    summary: `${summary} (${same.length} tenants: ${tenants})`,
    actions,
  };
}
