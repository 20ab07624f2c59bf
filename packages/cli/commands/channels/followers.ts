import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { FollowerView } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { channelOf } from '../../settings.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

/** `pointsman followers`: lists the followers of a pointer. */
export function followersCommand(cli: Cli): Command {
  return new Command('followers')
    .description('list the runtimes that follow a pointer and what each runs, lagging ones first')
    .option('--channel <name>', 'the pointer', channelOf, channelOf(undefined))
    .option('--limit <n>', 'the number of rows', rowCount, clientLimits.pageRows)
    .action(async (options: { channel: string; limit: number }, command: Command) => {
      cli.finish(await followers(commandRun(cli, command), options));
    });
}

async function followers(
  run: CommandRun,
  { channel, limit }: { channel: string; limit: number },
): Promise<ExitName> {
  const { terminal } = run;
  const path = pathOf(paths.followers, { tenant: run.tenant(), bundle: run.bundle(), channel });
  const items = await listRows(run.client, path, FollowerView, limit);
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err(`No follower of ${channel} has acknowledged yet.\n`);
  else terminal.out(table(items.map((follower) => row(run, follower))));
  return 'done';
}

const PAINT = { current: 'green', behind: 'yellow', lost: 'red' } as const;

function row({ terminal }: CommandRun, follower: FollowerView): string[] {
  const { state, behindBy, generation } = follower;
  const behind = behindBy > 0 ? `${behindBy} behind` : '';
  return [
    printable(follower.follower),
    terminal.paint(PAINT[state], state),
    generation === 0 ? 'runs nothing' : `generation ${generation}`,
    behind,
    `since ${moment(follower.since)}`,
    `last seen at ${moment(follower.seenAt)}`,
  ];
}
