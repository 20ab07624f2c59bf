import { Command } from 'commander';

import { releasePath } from '../api-paths.ts';
import { awaitOutcome } from '../await-outcome.ts';
import { commandRun, type Cli, type CommandRun } from '../command-run.ts';
import type { ExitName } from '../exit-codes.ts';
import { timeoutOption, version } from '../option-values.ts';
import { ReleaseView } from '../resources.ts';

/** `pointsman watch VERSION`: stays with a release until it has settled. */
export function watchCommand(cli: Cli): Command {
  return new Command('watch')
    .description('follow a release until it has settled; the exit code is its outcome')
    .argument('<version>', 'the release', version)
    .addOption(timeoutOption())
    .addHelpText('after', '\nWith --json every view of the release is a line of its own.')
    .action(async (number: number, options: { timeout: number }, command: Command) => {
      cli.finish(await watch(commandRun(cli, command), number, options.timeout));
    });
}

async function watch(run: CommandRun, number: number, timeoutMs: number): Promise<ExitName> {
  const { terminal } = run;
  const path = releasePath(run.tenant(), run.bundle(), number);
  const release = await run.client.call('GET', path, ReleaseView);
  const asLines = { onView: (view: ReleaseView) => terminal.out(`${JSON.stringify(view)}\n`) };
  return awaitOutcome(run, release, { timeoutMs, directory: null, ...(terminal.json ? asLines : {}) });
}
