import { Command } from 'commander';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { commandRun, type Cli, type CommandRun } from '../context.ts';
import type { ExitName } from '../exit-codes.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { examine } from './examine.ts';
import { counted } from '../output/format.ts';

interface DoctorOptions {
  readonly repair?: boolean;
}

/**
 * `pointsman doctor`: checks the whole system, including the API, the databases and the disks. Reports each
 * problem with its cause and its fix.
 */
export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description(
      'check everything, and print problems with their fixes; --repair settles releases that no longer run',
    )
    .option('--repair', 'ask the tenants to reconcile releases that are in flight for long')
    .addHelpText('after', HELP)
    .action(async (options: DoctorOptions, command: Command) => {
      cli.finish(await doctor(commandRun(cli, command), options));
    });
}

const HELP = `
Checks the API, its stores and the token, the worker, and every sink and hook of every tenant. A token of one tenant needs --tenant, and
checks that tenant.
With a token of the platform's admin the API also examines the server: PostgreSQL, Redis and RabbitMQ as the worker reaches them, every
service of the worker in Restate, releases of all tenants that are in flight for long, and the disks of npm start.
The exit code is 0 without errors: warnings and unchecked systems are not errors. --json prints all findings as data.`;

async function doctor(run: CommandRun, options: DoctorOptions): Promise<ExitName> {
  const findings = await examine(run, { repair: options.repair === true });
  const [errors, warnings] = [countOf(findings, 'error'), countOf(findings, 'warning')];
  if (run.terminal.json) run.terminal.document({ findings, errors, warnings });
  else show(run, findings);
  if (errors === 0) return 'done';
  return findings.some(({ subject, state }) => subject === 'API' && state === 'error')
    ? 'unavailable'
    : 'failed';
}

function show({ terminal }: CommandRun, findings: readonly Finding[]): void {
  const marks = {
    ok: terminal.paint('green', '✓'),
    warning: terminal.paint('yellow', '!'),
    error: terminal.paint('red', '✗'),
    unknown: terminal.paint('dim', '?'),
  };
  const lines = table(
    findings.map(({ subject, state, summary }) => [marks[state], printable(subject), printable(summary)]),
  ).split('\n');
  for (const [index, { actions }] of findings.entries()) {
    terminal.out([lines[index], ...actions.map((line) => `     ${printable(line)}`)].join('\n') + '\n');
  }
  const counts = [
    [countOf(findings, 'error'), 'error'],
    [countOf(findings, 'warning'), 'warning'],
  ] as const;
  const said = counts.filter(([count]) => count > 0).map(([count, word]) => counted(count, word));
  const unchecked = countOf(findings, 'unknown');
  if (unchecked > 0) said.push(`${unchecked} not checked`);
  terminal.out(said.length === 0 ? 'no problems found\n' : `${said.join(', ')}\n`);
}

function countOf(findings: readonly Finding[], state: Finding['state']): number {
  return findings.filter((finding) => finding.state === state).length;
}
