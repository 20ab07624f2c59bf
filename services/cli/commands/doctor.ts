import { Command } from 'commander';

import { commandRun, type Cli, type CommandRun } from '../command-run.ts';
import type { Finding } from '../doctor/finding.ts';
import type { ExitName } from '../exit-codes.ts';
import { table } from '../table.ts';
import { counted } from '../wording.ts';

/** `pointsman doctor`: what is well and what is not, from the API down to its stores. */
export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description('look whether everything is well; with --repair settle what nobody runs any more')
    .option('--repair', 'have the tenants look after releases that are long in flight')
    .addHelpText('after', HELP)
    .action(async (options: { repair?: boolean }, command: Command) => {
      cli.finish(await doctor(commandRun(cli, command), options.repair === true));
    });
}

const HELP = `
Restate and PostgreSQL are asked where RESTATE_ADMIN_URL, RESTATE_INGRESS_URL and DATABASE_URL say; for an API of this
machine's npm start, its Restate is known. The exit code is 0 when nothing is ill.`;

async function doctor(run: CommandRun, isRepairing: boolean): Promise<ExitName> {
  // Only here: what talks to Restate and PostgreSQL takes longer to load than any other command to run.
  const { examine } = await import('../doctor/examine.ts');
  const findings = await examine(run, isRepairing);
  if (run.terminal.json) run.terminal.document({ findings });
  else show(run, findings);
  if (findings.every(({ state }) => state !== 'ill')) return 'done';
  return findings.some(({ about, state }) => about === 'API' && state === 'ill') ? 'unavailable' : 'failed';
}

function show({ terminal }: CommandRun, findings: readonly Finding[]): void {
  const marks = {
    well: terminal.paint('green', '✓'),
    odd: terminal.paint('yellow', '!'),
    ill: terminal.paint('red', '✗'),
    unknown: terminal.paint('dim', '?'),
  };
  const lines = table(findings.map(({ about, state, says }) => [marks[state], about, says])).split('\n');
  for (const [index, { advice = [] }] of findings.entries()) {
    terminal.out([lines[index], ...advice.map((line) => `     ${line}`)].join('\n') + '\n');
  }
  const ill = findings.filter(({ state }) => state === 'ill').length;
  terminal.out(ill === 0 ? 'nothing is ill\n' : `${counted(ill, 'thing')} ill\n`);
}
