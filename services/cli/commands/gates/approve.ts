import { Command } from 'commander';

import { commandRun, type Cli } from '../../context.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { sayWord, withWordOptions, type WordOptions } from './decide.ts';

/** `pointsman approve RELEASE`: a person's yes to a release that waits for it. */
export function approveCommand(cli: Cli): Command {
  return withWordOptions(new Command('approve'))
    .description('approve a release that waits, having seen what it changes')
    .argument('<release>', 'its version, or its whole name', release)
    .addHelpText(
      'after',
      '\nWithout --digest it shows what would become live against what is, and asks. The approval is of that artifact\nin place of what is live at that moment: when the pointer moves first, it is void.',
    )
    .action(async (named: NamedRelease, options: WordOptions, command: Command) => {
      cli.finish(await sayWord(commandRun(cli, command), named, 'approve', options));
    });
}
