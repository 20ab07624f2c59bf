import type { Command } from 'commander';

import { EXIT_CODES } from '../../packages/cli/exit-codes.ts';
import { commandLine } from '../../packages/cli/program.ts';
import { markdownTable } from './markdown.ts';

/** Generates docs/reference/cli.md: the help of every command, as `--help` prints it, and the exit codes. */
export function cliPage(): string {
  const program = commandLine({
    env: {},
    stdout: { write: () => undefined },
    stderr: { write: () => undefined },
    signal: new AbortController().signal,
    readStdin: async () => '',
    finish: () => undefined,
  });
  const exits = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  return [
    '# The command line',
    '`npx pointsman <command>` in this folder, or `pointsman` where it is installed. Every command takes the global options, and prints one JSON document with `--json`.',
    '## Global options',
    helpOf(program),
    ...program.commands.flatMap((command) => sectionsOf(command, [program.name()])),
    '## Exit codes',
    'Scripts can rely on these codes; no command exits with another one.',
    markdownTable(['code', 'meaning'], exits),
  ].join('\n\n');
}

function sectionsOf(command: Command, parents: readonly string[]): string[] {
  const names = [...parents, command.name()];
  const level = '#'.repeat(names.length);
  const own = [`${level} ${names.join(' ')}`, helpOf(command)];
  return [...own, ...command.commands.flatMap((one) => sectionsOf(one, names))];
}

/** The help of one command. It leaves out the global options, which have their own section. */
function helpOf(command: Command): string {
  let text = '';
  command
    .configureHelp({ showGlobalOptions: false, helpWidth: 100 })
    .configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return `\`\`\`\n${text.trim()}\n\`\`\``;
}
