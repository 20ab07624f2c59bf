import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { cliLimits } from '../../limits.ts';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { MoveView } from '@pointsman/client/internal/http/resources';
import { channelOf } from '../../settings.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

/** `pointsman history`: lists the moves of a pointer, newest first. */
export function historyCommand(cli: Cli): Command {
  return new Command('history')
    .description('list the moves of a pointer, newest first')
    .option('--channel <name>', 'the pointer', channelOf, channelOf(undefined))
    .option('--limit <n>', 'the number of rows', rowCount, cliLimits.shownRows)
    .action(async (options: { channel: string; limit: number }, command: Command) => {
      cli.finish(await history(commandRun(cli, command), options.channel, options.limit));
    });
}

async function history(run: CommandRun, channel: string, limit: number): Promise<ExitName> {
  const { terminal } = run;
  const path = pathOf(paths.channelMoves, { tenant: run.tenant(), bundle: run.bundle(), channel });
  const items = await listRows(run.client, path, MoveView, limit);
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err(`${channel} has never moved.\n`);
  else {
    const rows = items.map((move) => [
      String(move.generation).padStart(5),
      `${move.from === null ? '–' : `v${move.from.version}`} → v${move.to.version}`,
      moment(move.movedAt),
      printable(move.by),
      printable(move.why),
    ]);
    terminal.out(table(rows));
  }
  return 'done';
}
