import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import type { QuotaChanges, QuotaName } from '@pointsman/protocol/quota';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { Quotas } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli } from '../../context.ts';
import { printable } from '../../output/printable.ts';
import { quotaChange, shownAmount } from './quota-amounts.ts';
import { table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `pointsman quotas`: shows or sets the limits of a tenant. */
export function quotasCommand(cli: Cli): Command {
  const set = new Command('set')
    .description('set limits of the tenant; only for admins of the platform')
    .argument('<quota=limit...>', 'for example bytes=20GiB, hooks=10, tokens=default', quotaChange)
    .action(async (changes: ReadonlyMap<QuotaName, number | null>, _options: unknown, command: Command) => {
      const run = commandRun(cli, command);
      const json: QuotaChanges = Object.fromEntries(changes);
      const answer = await run.client.call('PUT', pathOf(paths.quotas, { tenant: run.tenant() }), Quotas, {
        json,
        headers: { 'idempotency-key': randomUUID() },
      });
      show(answer, run.terminal);
      cli.finish('done');
    });
  return new Command('quotas')
    .description("show the tenant's limits and usage")
    .action(async (_options: unknown, command: Command) => {
      const run = commandRun(cli, command);
      show(
        await run.client.call('GET', pathOf(paths.quotas, { tenant: run.tenant() }), Quotas),
        run.terminal,
      );
      cli.finish('done');
    })
    .addCommand(set);
}

function show(quotas: Quotas, terminal: Terminal): void {
  if (terminal.json) return terminal.document(quotas);
  const rows = quotas.items.map(({ quota, used, limit, default: usual }) => [
    printable(quota),
    `${shownAmount(quota, used)} of ${shownAmount(quota, limit)}`,
    limit === usual ? '' : `set; the default is ${shownAmount(quota, usual)}`,
    used >= limit ? terminal.paint(['bold', 'red'], 'exhausted') : '',
  ]);
  terminal.out(table(rows));
}
