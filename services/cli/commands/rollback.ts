import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { channelPath } from '../api-paths.ts';
import { commandRun, type Cli, type CommandRun } from '../command-run.ts';
import type { ExitName } from '../exit-codes.ts';
import { CliError } from '../failures.ts';
import { cliLimits } from '../limits.ts';
import { sentence, version } from '../option-values.ts';
import { listRows } from '../pages.ts';
import { MoveView, PointerView } from '../resources.ts';
import { rollbackTarget } from '../rollback-target.ts';
import { channelOf } from '../settings.ts';
import { whereabouts } from '../wording.ts';

interface RollbackOptions {
  readonly channel?: string;
  readonly to?: number;
  readonly hold?: string;
}

/** `pointsman rollback`: moves a pointer back to a release that was live before, without building anything. */
export function rollbackCommand(cli: Cli): Command {
  return new Command('rollback')
    .description('move a pointer back to the version before, or to --to')
    .option('--channel <name>', 'the pointer to move', channelOf, channelOf(undefined))
    .option('--to <version>', 'the version to go back to', version)
    .option('--hold <reason>', 'let nobody move the pointer again until the hold is lifted', sentence)
    .addHelpText(
      'after',
      '\nIt moves the pointer only from where it was seen: a publish in between is not undone.',
    )
    .action(async (options: RollbackOptions, command: Command) => {
      cli.finish(await rollback(commandRun(cli, command), options));
    });
}

async function rollback(run: CommandRun, options: RollbackOptions): Promise<ExitName> {
  const { client, terminal } = run;
  const path = channelPath(run.tenant(), run.bundle(), channelOf(options.channel));
  const before = await client.call('GET', path, PointerView);
  const to = options.to ?? (await versionBefore(run, path, before));
  const after = await client.call('PUT', path, PointerView, {
    json: { version: to, ...(options.hold === undefined ? {} : { hold: options.hold }) },
    headers: { 'if-match': `"${before.generation}"`, 'idempotency-key': randomUUID() },
  });
  if (terminal.json) terminal.document(after);
  else
    terminal.out(
      `${terminal.paint(['bold', 'green'], 'rolled back')}  ${cameFrom(before)}${whereabouts(after, terminal)}\n`,
    );
  return 'done';
}

async function versionBefore(run: CommandRun, path: string, pointer: PointerView): Promise<number> {
  const moves = await listRows(run.client, `${path}/moves`, MoveView, cliLimits.pages * cliLimits.pageRows);
  // A move that came after our look belongs to somebody else; If-Match will say so.
  const seen = moves.filter((move) => move.generation <= pointer.generation);
  const target = pointer.version === null ? null : rollbackTarget(pointer.version, seen);
  if (target !== null) return target;
  throw new CliError('refused', 'There is no version before the present one.', {
    hints: ['Name one with --to; "pointsman releases" lists them.'],
  });
}

function cameFrom(pointer: PointerView): string {
  return pointer.version === null ? '' : `v${pointer.version} → `;
}
