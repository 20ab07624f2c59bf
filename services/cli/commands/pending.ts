import { Command } from 'commander';

import { gatesPath } from '../api-paths.ts';
import { commandRun, type Cli, type CommandRun } from '../command-run.ts';
import type { ExitName } from '../exit-codes.ts';
import { deadline } from '../gate-wording.ts';
import { cliLimits } from '../limits.ts';
import { listRows } from '../pages.ts';
import { printable } from '../printable.ts';
import { OpenGateView } from '../resources.ts';
import { table } from '../table.ts';

/** `pointsman pending`: what waits for whom, in all bundles of a tenant. */
export function pendingCommand(cli: Cli): Command {
  return new Command('pending')
    .description('list what the releases of a tenant wait for, the oldest first')
    .action(async (_options: unknown, command: Command) => {
      cli.finish(await pending(commandRun(cli, command)));
    });
}

async function pending(run: CommandRun): Promise<ExitName> {
  const { client, terminal } = run;
  const tenant = run.tenant();
  const items = await listRows(
    client,
    gatesPath(tenant),
    OpenGateView,
    cliLimits.pages * cliLimits.pageRows,
    {
      state: 'open',
    },
  );
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err('Nothing waits.\n');
  else {
    const rows = items.map((gate) => [
      // As "pointsman approve" takes it.
      `${tenant}:${gate.bundle}:v${gate.version}`,
      gate.channel,
      terminal.paint('bold', gate.gate),
      printable(gate.says),
      deadline(gate, terminal),
    ]);
    terminal.out(table(rows));
  }
  return 'done';
}
