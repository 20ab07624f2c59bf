import { Command, InvalidArgumentError } from 'commander';

import { commandRun, type Cli, type CommandRun } from '../context.ts';
import type { Finding } from './finding.ts';
import type { ExitName } from '../exit-codes.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { counted } from '../output/format.ts';

interface DoctorOptions {
  readonly repair?: boolean;
  readonly minFree?: number;
}

/** `pointsman doctor`: what is wrong, from the API down to disks, why, and what to do about it. */
export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description(
      'check everything, and say what is wrong and what to do; with --repair settle what nobody runs any more',
    )
    .option('--repair', 'have the tenants look after releases that are long in flight')
    .option('--min-free <gigabytes>', 'what must be free on each disk (5 % of it, at most 1)', gigabytes)
    .addHelpText('after', HELP)
    .action(async (options: DoctorOptions, command: Command) => {
      cli.finish(await doctor(commandRun(cli, command), options));
    });
}

const HELP = `
Checks the API, its stores and token, the worker and what it reaches (PostgreSQL, Redis, RabbitMQ), every service of the worker in Restate, every
sink and hook of every tenant that the token may see, releases that are long in flight, and the disks of this machine's npm start.
RESTATE_ADMIN_URL, RESTATE_INGRESS_URL and DATABASE_URL name the systems; for an API of this machine's npm start its Restate is known.
The exit code is 0 without errors: warnings and what could not be checked are not errors. --json has all findings as data.`;

async function doctor(run: CommandRun, options: DoctorOptions): Promise<ExitName> {
  // Only here: what talks to Restate and PostgreSQL takes longer to load than any other command to run.
  const { examine } = await import('./examine.ts');
  const findings = await examine(run, {
    repair: options.repair === true,
    minFree: options.minFree ?? null,
  });
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
  for (const [index, { actions = [] }] of findings.entries()) {
    terminal.out([lines[index], ...actions.map((line) => `     ${line}`)].join('\n') + '\n');
  }
  const counts = [
    [countOf(findings, 'error'), 'error'],
    [countOf(findings, 'warning'), 'warning'],
  ] as const;
  const said = counts.filter(([count]) => count > 0).map(([count, word]) => counted(count, word));
  const unchecked = countOf(findings, 'unknown');
  if (unchecked > 0) said.push(`${unchecked} not checked`);
  terminal.out(said.length === 0 ? 'everything is well\n' : `${said.join(', ')}\n`);
}

function countOf(findings: readonly Finding[], state: Finding['state']): number {
  return findings.filter((finding) => finding.state === state).length;
}

function gigabytes(text: string): number {
  if (/^\d{1,6}(?:\.\d{1,3})?$/.test(text)) return Number(text) * 1_000_000_000;
  throw new InvalidArgumentError('A number of gigabytes is needed, such as 2 or 0.5.');
}
