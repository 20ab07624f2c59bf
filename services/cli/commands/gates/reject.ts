import { Command } from 'commander';

import { commandRun, type Cli } from '../../context.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { sayWord, withWordOptions, type WordOptions } from './decide.ts';

/** `pointsman reject RELEASE`: a person's no, with which the release ends. */
export function rejectCommand(cli: Cli): Command {
  return withWordOptions(new Command('reject'))
    .description('reject a release that waits for approval, saying why')
    .argument('<release>', 'its version, or its whole name', release)
    .addHelpText(
      'after',
      '\nOne rejection is enough, however many approvals the gate wants. Exit code 0 says that it counts.',
    )
    .action(async (named: NamedRelease, options: WordOptions, command: Command) => {
      cli.finish(await sayWord(commandRun(cli, command), named, 'reject', options));
    });
}
