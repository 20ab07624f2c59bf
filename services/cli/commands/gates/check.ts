import { Command } from 'commander';

import { correlationId } from '../../../../core/identifiers.ts';
import { releasePath } from '../../client/api-paths.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { releaseOf } from '../../options/named-release.ts';
import { digest, gateName, type NamedRelease, release, sentence } from '../../options/option-values.ts';
import { Heard } from '../../client/resources.ts';
import { HEARD_ONCE, idempotencyKeyOption, sendOnce } from '../../options/idempotency-option.ts';

interface ReportOptions {
  readonly success?: boolean;
  readonly failure?: boolean;
  readonly summary?: string;
  readonly resultUrl?: string;
  readonly digest?: string;
  readonly idempotencyKey?: string;
}

/** `pointsman check report`: a machine's word on a release that waits for it. */
export function checkCommand(cli: Cli): Command {
  const report = new Command('report')
    .description("report a check's result to the release that waits for it")
    .argument('<check>', 'its name in the policy', gateName)
    .argument('<release>', 'the version, or the whole name', release)
    .option('--success', 'it passed')
    .option('--failure', 'it failed: the release is rejected')
    .option('--summary <text>', 'what was found', sentence)
    // Not --url, which is the API's own address on every command.
    .option('--result-url <url>', 'where the whole result is', sentence)
    .option('--digest <digest>', 'only if the release is this artifact: what was checked', digest)
    .addOption(idempotencyKeyOption('say it'))
    .action(async (check: string, named: NamedRelease, options: ReportOptions, command: Command) => {
      cli.finish(await reportCheck(commandRun(cli, command), check, named, options));
    });
  return new Command('check').description('what machines say to releases that wait').addCommand(report);
}

async function reportCheck(
  run: CommandRun,
  check: string,
  named: NamedRelease,
  { success, failure, summary, resultUrl, digest: checked, idempotencyKey }: ReportOptions,
): Promise<ExitName> {
  const { client, terminal } = run;
  if (success === failure) throw new CliError('usage', 'Give either --success or --failure.');
  const id = releaseOf(run, named);
  const conclusion = success === true ? 'success' : 'failure';
  const path = `${releasePath(id.tenant, id.bundle, id.version)}/checks/${check}`;
  const json = { conclusion, summary, url: resultUrl, digest: checked };
  const heard = await sendOnce({ key: idempotencyKey, same: '', ...HEARD_ONCE }, (headers) =>
    client.call('POST', path, Heard, { headers, json }),
  );
  if (terminal.json) terminal.document(heard);
  else {
    const word = terminal.paint(['bold', success === true ? 'green' : 'red'], conclusion);
    terminal.out(`${word}  ${correlationId(id)} at "${heard.gate}", which has ${heard.state}\n`);
  }
  return 'done';
}
