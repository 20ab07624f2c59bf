import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { paths } from '@pointsman/protocol/paths';
import type { NewTenant } from '@pointsman/protocol/tenants/tenant-bodies';
import { TenantView } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli } from '../../context.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { listRows } from '@pointsman/client/internal/http/pages';
import { tenantName } from '../../settings.ts';

/** `pointsman tenants`: creates and lists tenants. */
export function tenantsCommand(cli: Cli): Command {
  const create = new Command('create')
    .description('create a tenant')
    .argument('<name>', 'its name')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, terminal } = commandRun(cli, command);
      const json: NewTenant = { tenant: tenantName(name) };
      const made = await client.call('POST', paths.tenants, TenantView, {
        json,
        headers: { 'idempotency-key': randomUUID() },
      });
      if (terminal.json) terminal.document(made);
      else terminal.out(`${terminal.paint(['bold', 'green'], 'created')}  ${made.tenant}\n`);
      cli.finish('done');
    });
  const list = new Command('list')
    .description('list the tenants')
    .action(async (_options: unknown, command: Command) => {
      const { client, terminal } = commandRun(cli, command);
      const items = await listRows(
        client,
        paths.tenants,
        TenantView,
        clientLimits.pages * clientLimits.pageRows,
      );
      if (terminal.json) terminal.document({ items });
      else terminal.out(items.map((one) => `${one.tenant}\n`).join(''));
      cli.finish('done');
    });
  return new Command('tenants').description('create and list tenants').addCommand(create).addCommand(list);
}
