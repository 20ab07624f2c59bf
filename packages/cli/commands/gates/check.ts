import { Command } from 'commander';

import { correlationId } from '@pointsman/protocol/identifiers';
import type { CheckBody } from '@pointsman/protocol/releases/gate-bodies';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { releaseOf } from '../../options/named-release.ts';
import { digest, gateName, type NamedRelease, release, sentence } from '../../options/option-values.ts';
import { DecisionView } from '@pointsman/client/internal/http/resources';
import { RECORDED_ONCE, idempotencyKeyOption, sendOnce } from '../../options/idempotency-option.ts';

interface ReportOptions {
  readonly success?: boolean;
  readonly failure?: boolean;
  readonly summary?: string;
  readonly resultUrl?: string;
  readonly digest?: string;
  readonly idempotencyKey?: string;
}

/** `pointsman check report`: reports the result of an automated check for a waiting release. */
export function checkCommand(cli: Cli): Command {
  const report = new Command('report')
    .description('report the result of a check for a waiting release')
    .argument('<check>', "the check's name in the policy", gateName)
    .argument('<release>', 'the version, or the full name', release)
    .option('--success', 'the check passed')
    .option('--failure', 'the check failed: the release is rejected')
    .option('--summary <text>', 'what was found', sentence)
    // The option is not called --url, because --url is the global option for the URL of the API.
    .option('--result-url <url>', 'a link to the full result', sentence)
    .option(
      '--digest <digest>',
      'the digest of what was checked: refused if the release has another one',
      digest,
    )
    .addOption(idempotencyKeyOption('report'))
    .action(async (check: string, named: NamedRelease, options: ReportOptions, command: Command) => {
      cli.finish(await reportCheck(commandRun(cli, command), check, named, options));
    });
  return new Command('check').description('report results of automated checks').addCommand(report);
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
  const path = pathOf(paths.check, { ...id, check });
  const json: CheckBody = { conclusion, summary, url: resultUrl, digest: checked };
  const recorded = await sendOnce({ key: idempotencyKey, same: '', ...RECORDED_ONCE }, (headers) =>
    client.call('POST', path, DecisionView, { headers, json }),
  );
  if (terminal.json) terminal.document(recorded);
  else {
    const label = terminal.paint(['bold', success === true ? 'green' : 'red'], conclusion);
    terminal.out(`${label}  ${correlationId(id)} at "${recorded.gate}": ${recorded.state}\n`);
  }
  return 'done';
}
