import { Command, CommanderError } from 'commander';

import packageJson from './package.json' with { type: 'json' };
import type { Cli, Surroundings } from './context.ts';
import { approveCommand } from './commands/gates/approve.ts';
import { cancelCommand } from './commands/releases/cancel.ts';
import { checkCommand } from './commands/gates/check.ts';
import { diffCommand } from './commands/releases/diff.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { followCommand } from './commands/channels/follow.ts';
import { followersCommand } from './commands/channels/followers.ts';
import { historyCommand } from './commands/channels/history.ts';
import { holdCommand } from './commands/channels/hold.ts';
import { hooksCommand } from './commands/hooks/hooks.ts';
import { pendingCommand } from './commands/gates/pending.ts';
import { policyCommand } from './commands/tenants/policy.ts';
import { promoteCommand } from './commands/channels/promote.ts';
import { publishCommand } from './commands/releases/publish.ts';
import { quotasCommand } from './commands/tenants/quotas.ts';
import { rejectCommand } from './commands/gates/reject.ts';
import { releasesCommand } from './commands/releases/releases.ts';
import { rollbackCommand } from './commands/channels/rollback.ts';
import { showCommand } from './commands/releases/show.ts';
import { sinksCommand } from './commands/sinks/sinks.ts';
import { statusCommand } from './commands/releases/status.ts';
import { tenantsCommand } from './commands/tenants/tenants.ts';
import { tokensCommand } from './commands/tenants/tokens.ts';
import { upCommand } from './commands/up.ts';
import { watchCommand } from './commands/releases/watch.ts';
import { EXIT_CODES, exitCodeTable, type ExitName } from './exit-codes.ts';
import { CliError } from './failures.ts';
import { reportFailure } from './report-failure.ts';
import { guarded } from './output/terminal-guard.ts';
import { terminal } from './output/terminal.ts';

/**
 * Runs the command line. `args` are the arguments after the program's name. Never throws, because errors are
 * printed on `stderr`.
 * @returns the exit code
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let exit: ExitName = 'done';
  const program = commandLine({ ...surroundings, finish: (name) => (exit = name) });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has already printed the help or the usage error.
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? EXIT_CODES.done.code : EXIT_CODES.usage.code;
    const { env, stdout, stderr, signal } = surroundings;
    // An interrupt can cause any error in the command. The interrupt's own message is printed instead, unless
    // the command threw a CliError.
    const failure: unknown = signal.aborted && !(error instanceof CliError) ? signal.reason : error;
    const json = args.includes('--json');
    return EXIT_CODES[reportFailure(failure, terminal({ stdout, stderr, env, json }))].code;
  }
  return EXIT_CODES[exit].code;
}

/** Creates the program with all its commands. docs/reference/cli.md is generated from it. */
export function commandLine(cli: Cli): Command {
  const program = new Command('pointsman')
    .description('Publishes configuration: validated, compiled, stored, and made live exactly once.')
    .version(packageJson.version)
    .option('--url <url>', 'the URL of the API (POINTSMAN_URL; default: http://127.0.0.1:7400)')
    .option('--token <token>', 'a bearer token (POINTSMAN_TOKEN, or the token in the home of npm start)')
    .option('--tenant <name>', 'the tenant (POINTSMAN_TENANT)')
    .option('--bundle <name>', 'the bundle (POINTSMAN_BUNDLE)')
    .option('--json', 'print one JSON document on standard output, and nothing else')
    .addHelpText('after', HELP);
  for (const make of COMMANDS) program.addCommand(make(cli));
  // Disables Commander's own help command, which has no topics, and adds one that has.
  program.helpCommand(false).addCommand(helpCommand(program, cli));
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command
      .exitOverride()
      .showHelpAfterError(hintAfterError(command))
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({
        writeOut: (text) => cli.stdout.write(guarded(text)),
        writeErr: (text) => cli.stderr.write(guarded(text)),
      });
  }
  return program;
}

/** Hints for commands whose option values users often pass as arguments by mistake. */
const MEANT: Readonly<Record<string, string>> = {
  hold: 'Give the reason of the hold with --reason. ',
  rollback: 'Give the version to restore with --to, and the reason of the hold with --hold. ',
};

function hintAfterError(command: Command): string {
  const names = [command.name()];
  for (let up = command.parent; up !== null; up = up.parent) names.unshift(up.name());
  return `${MEANT[command.name()] ?? ''}For all options: ${names.join(' ')} --help`;
}

const COMMANDS = [
  publishCommand,
  watchCommand,
  statusCommand,
  releasesCommand,
  historyCommand,
  diffCommand,
  showCommand,
  pendingCommand,
  approveCommand,
  rejectCommand,
  checkCommand,
  rollbackCommand,
  promoteCommand,
  holdCommand,
  cancelCommand,
  policyCommand,
  hooksCommand,
  followCommand,
  followersCommand,
  sinksCommand,
  tenantsCommand,
  quotasCommand,
  tokensCommand,
  doctorCommand,
  upCommand,
] as const;

const HELP = `
"pointsman help exit-codes" lists the exit codes.

To start:
  pointsman up
  pointsman tenants create acme
  pointsman publish examples/support-bot --tenant acme --bundle support-bot`;

/** Creates the command `help`, for `help COMMAND` and `help exit-codes`. */
function helpCommand(program: Command, cli: Cli): Command {
  return new Command('help')
    .description('show help for a command, or for exit-codes')
    .argument('[topic]')
    .action((topic: string | undefined) => {
      if (topic === 'exit-codes') cli.stdout.write(exitCodeTable());
      else if (topic === undefined) program.outputHelp();
      else {
        const about = program.commands.find((command) => command.name() === topic);
        if (about === undefined) program.error(`error: there is no help topic '${topic}'`);
        about.outputHelp();
      }
    });
}
