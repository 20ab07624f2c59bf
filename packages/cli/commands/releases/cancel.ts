import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { correlationId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { CancelBody } from '@pointsman/protocol/releases/release-bodies';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { releaseOf } from '../../options/named-release.ts';
import { type NamedRelease, release, sentence } from '../../options/option-values.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';

/** `pointsman cancel RELEASE`: cancels a release, which then undoes its effects. */
export function cancelCommand(cli: Cli): Command {
  return new Command('cancel')
    .description('cancel a release that is in flight')
    .argument('<release>', 'its version, or its full name', release)
    .option('--reason <text>', 'the reason, for the record', sentence)
    .addHelpText(
      'after',
      '\nExit code 0 means that the release was asked to stop. "pointsman watch" shows the outcome.',
    )
    .action(async (named: NamedRelease, options: { reason?: string }, command: Command) => {
      cli.finish(await cancel(commandRun(cli, command), named, options.reason));
    });
}

async function cancel(run: CommandRun, named: NamedRelease, reason: string | undefined): Promise<ExitName> {
  const { client, terminal } = run;
  const id = releaseOf(run, named);
  const json: CancelBody = reason === undefined ? {} : { reason };
  await client.send('POST', pathOf(paths.cancel, id), {
    headers: { 'idempotency-key': randomUUID() },
    json,
  });
  if (terminal.json) terminal.document(await client.call('GET', pathOf(paths.release, id), ReleaseView));
  else terminal.out(`${terminal.paint(['bold', 'yellow'], 'cancelling')}  ${correlationId(id)}\n`);
  return 'done';
}
