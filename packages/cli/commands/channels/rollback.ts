import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { etagOf } from '@pointsman/protocol/entity-tag';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { MoveBody } from '@pointsman/protocol/moves/pointer-bodies';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { changedFiles } from '../releases/comparison.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { sentence, version } from '../../options/option-values.ts';
import { PointerView, RollbackView } from '@pointsman/client/internal/http/resources';
import { channelOf } from '../../settings.ts';
import { table } from '../../output/table.ts';
import { shortDigest, pointerPosition } from '../../output/format.ts';

interface RollbackOptions {
  readonly channel: string;
  readonly to?: number;
  /**
   * The reason of the hold that follows the rollback. False with `--no-hold`: the pointer is then not put on
   * hold.
   */
  readonly hold?: string | false;
  readonly yes?: boolean;
}

/** `pointsman rollback`: moves a pointer back to an earlier release. */
export function rollbackCommand(cli: Cli): Command {
  return new Command('rollback')
    .description('move a pointer back to the previous live release, or to --to, and hold it there')
    .option('--channel <name>', 'the pointer to move', channelOf, channelOf(undefined))
    .option('--to <version>', 'the version to restore', version)
    .option('--hold <reason>', 'the reason of the hold', sentence)
    .option('--no-hold', 'do not hold the pointer: the next publish moves it again')
    .option('--yes', 'do not ask for confirmation')
    .addHelpText('after', HELP)
    .action(async (options: RollbackOptions, command: Command) => {
      cli.finish(await rollback(commandRun(cli, command), options));
    });
}

const HELP = `
A second rollback goes further back: each undoes the last move that is not undone yet.
The command shows the change and asks for confirmation. If the pointer moves in between, the rollback is refused.`;

async function rollback(run: CommandRun, options: RollbackOptions): Promise<ExitName> {
  const { client, terminal } = run;
  if (options.yes !== true && run.prompt === null) {
    throw new CliError('usage', 'Can’t ask for confirmation: not a terminal.', { hints: ['Pass --yes.'] });
  }
  const id = { tenant: run.tenant(), bundle: run.bundle(), channel: options.channel };
  const seen = await client
    .call('GET', pathOf(paths.rollback, id), RollbackView, { query: { version: options.to } })
    .catch(withHint);
  await confirmRollback(run, seen, options);
  const { pointer, move } = seen;
  const hold = holdReason(options, pointer);
  const json: MoveBody = { restores: move.generation, ...(hold === undefined ? {} : { hold }) };
  const after = await client.call('PUT', pathOf(paths.channel, id), PointerView, {
    json,
    headers: { 'if-match': etagOf(pointer.generation), 'idempotency-key': randomUUID() },
  });
  if (terminal.json) terminal.document(after);
  else
    terminal.out(
      `${terminal.paint(['bold', 'green'], 'rolled back')}  v${pointer.version} → ${pointerPosition(after, terminal)}\n`,
    );
  return 'done';
}

/** Asks the user to confirm the rollback. Throws CliError if the user declines. */
async function confirmRollback(
  run: CommandRun,
  seen: RollbackView,
  { channel, yes }: RollbackOptions,
): Promise<void> {
  const { client, terminal, prompt } = run;
  const { pointer, move } = seen;
  if (!terminal.json) {
    const changes = await changedFiles(client, run.tenant(), pointer.digest, move.to.digest);
    const see = ` ("pointsman diff ${pointer.version} ${move.to.version}" shows them)`;
    terminal.out(
      table([
        [
          `  ${channel} is`,
          `v${pointer.version}`,
          shortDigest(pointer.digest ?? ''),
          `at generation ${pointer.generation}`,
        ],
        [
          '  would be',
          `v${move.to.version}`,
          shortDigest(move.to.digest),
          `as at generation ${move.generation}`,
        ],
      ]) + (changes === null ? '  identical files\n' : `  ${changes}${see}\n`),
    );
  }
  if (yes === true || prompt === null) return;
  const answer = await prompt(`Roll ${channel} back to v${move.to.version}? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer)) throw new CliError('interrupted', 'The pointer was not moved.');
}

/**
 * Returns the reason of the hold to set. Returns undefined if no hold must be set, or if an existing hold
 * keeps its reason because the user gave no new one.
 */
function holdReason({ hold }: RollbackOptions, pointer: PointerView): string | undefined {
  if (hold === false) return undefined;
  return hold ?? (pointer.hold === null ? `rolled back from v${pointer.version}` : undefined);
}

function withHint(error: unknown): never {
  if (error instanceof ApiProblem && error.problem.code === 'nothing_before')
    error.hints.push(
      '"pointsman history" lists earlier live releases. "pointsman promote" moves to any other release.',
    );
  throw error;
}
