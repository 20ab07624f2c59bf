import { Command } from 'commander';

import { commandRun, type Cli } from '../../context.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { decide, withDecisionOptions, type DecisionOptions } from './decide.ts';

/** `pointsman approve RELEASE`: approves a release that waits for approval. */
export function approveCommand(cli: Cli): Command {
  return withDecisionOptions(new Command('approve'))
    .description('approve a waiting release after showing what it changes')
    .argument('<release>', 'its version, or its full name', release)
    .addHelpText(
      'after',
      '\nWithout --digest the command compares the release with what is live, and asks for confirmation. The approval applies to\nthis artifact and to the current generation of the pointer: if the pointer moves first, the approval is void.',
    )
    .action(async (named: NamedRelease, options: DecisionOptions, command: Command) => {
      cli.finish(await decide(commandRun(cli, command), named, 'approve', options));
    });
}
