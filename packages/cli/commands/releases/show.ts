import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import { headerOf } from '@pointsman/client/internal/http/response';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { pathProblem } from '@pointsman/protocol/releases/source';
import { isText } from '../../output/is-text.ts';
import { prettyJson } from '../../output/pretty-json.ts';
import { channelOf } from '../../settings.ts';

interface ShowOptions {
  readonly channel?: string;
  readonly raw?: boolean;
}

/** `pointsman show PATH`: prints a compiled file of the live release, as a runtime reads it. */
export function showCommand(cli: Cli): Command {
  return new Command('show')
    .description('print a compiled file at the current pointer')
    .argument('<path>', 'the path in the source')
    .option('--channel <name>', 'the pointer', channelOf, channelOf(undefined))
    .option('--raw', 'print the exact bytes (the default in a pipe); at a terminal they can control it')
    .action(async (path: string, options: ShowOptions, command: Command) => {
      cli.finish(await show(commandRun(cli, command), path, options));
    });
}

async function show(run: CommandRun, path: string, options: ShowOptions): Promise<ExitName> {
  const { terminal } = run;
  const problem = pathProblem(path);
  if (problem !== null) throw new CliError('usage', `The path is not valid: ${problem}.`);
  const answer = await run.client.send(
    'GET',
    pathOf(paths.file, {
      tenant: run.tenant(),
      bundle: run.bundle(),
      channel: channelOf(options.channel),
      path,
    }),
  );
  const isJson = /[/+]json\b/.test(headerOf(answer, 'content-type') ?? '');
  if (terminal.json && !isJson) terminal.document(answer.body.toString('utf8'));
  else if (!terminal.isTerminal || options.raw === true) terminal.raw(answer.body);
  else if (isText(answer.body)) {
    const text = answer.body.toString('utf8');
    terminal.out(isJson && !terminal.json ? prettyJson(text) : text);
  } else throw new CliError('usage', NOT_TEXT, { hints: ['To print the bytes anyway: --raw'] });
  return 'done';
}

const NOT_TEXT =
  'The file is not text and could control this terminal. Redirect the output to a file or a program.';
