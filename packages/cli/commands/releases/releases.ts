import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { cliLimits } from '../../limits.ts';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { table } from '../../output/table.ts';
import { shortDigest, statusLabel } from '../../output/format.ts';

/** `pointsman releases`: lists the releases of a bundle, newest first. */
export function releasesCommand(cli: Cli): Command {
  return new Command('releases')
    .description('list the releases of a bundle, newest first')
    .option('--limit <n>', 'the number of rows', rowCount, cliLimits.shownRows)
    .action(async (options: { limit: number }, command: Command) => {
      cli.finish(await releases(commandRun(cli, command), options.limit));
    });
}

async function releases(run: CommandRun, limit: number): Promise<ExitName> {
  const { terminal } = run;
  const path = pathOf(paths.releases, { tenant: run.tenant(), bundle: run.bundle() });
  const items = await listRows(run.client, path, ReleaseView, limit);
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err('No releases yet.\n');
  else {
    const rows = items.map((release) => [
      `v${release.version}`,
      release.channel,
      statusLabel(release, terminal),
      release.digest === null ? '' : shortDigest(release.digest),
      printable(release.reason ?? ''),
    ]);
    terminal.out(table(rows));
  }
  return 'done';
}
