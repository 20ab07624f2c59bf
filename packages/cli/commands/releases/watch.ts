import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { awaitOutcome, deadlineAfter } from './await-outcome.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { releaseOf } from '../../options/named-release.ts';
import { type NamedRelease, release, timeoutOption } from '../../options/option-values.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';

/** `pointsman watch RELEASE`: prints the progress of a release until it has settled. */
export function watchCommand(cli: Cli): Command {
  return new Command('watch')
    .description('follow a release until it has settled; the exit code is its outcome')
    .argument('<release>', 'its version, or its full name', release)
    .addOption(timeoutOption())
    .addHelpText('after', '\nWith --json every view of the release is one line.')
    .action(async (named: NamedRelease, options: { timeout: number }, command: Command) => {
      cli.finish(await watch(commandRun(cli, command), named, options.timeout));
    });
}

async function watch(run: CommandRun, named: NamedRelease, timeoutMs: number): Promise<ExitName> {
  const { terminal } = run;
  const { tenant, bundle, version } = releaseOf(run, named);
  const path = pathOf(paths.release, { tenant, bundle, version });
  const deadline = deadlineAfter(timeoutMs);
  const found = await run.client.call('GET', path, ReleaseView, { deadline: deadline.signal });
  const asLines = { onView: (view: ReleaseView) => terminal.out(`${JSON.stringify(view)}\n`) };
  return awaitOutcome(run, found, { deadline, directory: null, ...(terminal.json ? asLines : {}) });
}
