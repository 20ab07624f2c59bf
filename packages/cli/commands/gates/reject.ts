import { Command } from 'commander';

import { commandRun, type Cli } from '../../context.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { decide, withDecisionOptions, type DecisionOptions } from './decide.ts';

/** `pointsman reject RELEASE`: rejects a release, which then settles as rejected. */
export function rejectCommand(cli: Cli): Command {
  return withDecisionOptions(new Command('reject'))
    .description('reject a release that waits for approval')
    .argument('<release>', 'its version, or its full name', release)
    .addHelpText(
      'after',
      '\nOne rejection is enough, however many approvals the gate requires. Exit code 0 means that it was recorded.',
    )
    .action(async (named: NamedRelease, options: DecisionOptions, command: Command) => {
      cli.finish(await decide(commandRun(cli, command), named, 'reject', options));
    });
}
