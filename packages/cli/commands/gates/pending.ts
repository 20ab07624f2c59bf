import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { deadline } from '../../output/format-gate.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `pointsman pending`: lists what each release of a tenant waits for, in all bundles. */
export function pendingCommand(cli: Cli): Command {
  return new Command('pending')
    .description('list what the releases of a tenant wait for, oldest first')
    .action(async (_options: unknown, command: Command) => {
      cli.finish(await pending(commandRun(cli, command)));
    });
}

async function pending(run: CommandRun): Promise<ExitName> {
  const { client, terminal } = run;
  const path = pathOf(paths.inFlight, { tenant: run.tenant() });
  const inFlight = await listRows(client, path, ReleaseView, clientLimits.pages * clientLimits.pageRows);
  const items = inFlight.filter(({ waitingFor }) => waitingFor.length > 0);
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err('No release is waiting.\n');
  else terminal.out(table(items.flatMap((release) => rows(release, terminal))));
  return 'done';
}

/** Returns one table row for each gate, compiler or sink that the release waits for. */
function rows(release: ReleaseView, terminal: Terminal): string[][] {
  // The full name of the release, which the user can pass to "pointsman approve".
  const name = `${release.tenant}:${release.bundle}:v${release.version}`;
  return release.waitingFor.map(({ kind, name: waited, text, until }) => [
    name,
    release.channel,
    terminal.paint('bold', waited === null ? kind : printable(waited)),
    printable(text),
    deadline({ deadlineAt: until, opensAt: null }, terminal),
  ]);
}
