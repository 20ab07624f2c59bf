import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import type { z } from 'zod';

import { ConflictRule } from '@pointsman/protocol/releases/release';
import type { PublishBody, PublishQuery } from '@pointsman/protocol/releases/release-bodies';
import { humanBytes } from '@pointsman/protocol/text/amounts';
import { etagOf } from '@pointsman/protocol/entity-tag';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { awaitOutcome, type Deadline, deadlineAfter } from './await-outcome.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { EXIT_CODES, type ExitName } from '../../exit-codes.ts';
import { ApiProblem } from '../../failures.ts';
import { createChannelOption, hintAtCreating } from '../../options/create-channel.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { generation, sentence, timeAhead, timeoutOption } from '../../options/option-values.ts';
import { IGNORE_FILE } from '../../source/ignore-file.ts';
import { packDirectory, type PackedSource } from '../../source/pack.ts';
import { showDiagnostics, showWarnings } from '../../report-failure.ts';
import { AcceptedRelease, DryRun } from '@pointsman/client/internal/http/resources';
import { idempotencyKeyOption, sendOnce } from '../../options/idempotency-option.ts';
import { channelOf } from '../../settings.ts';
import { printIgnored, showSourceList } from '../../source/source-list.ts';
import { archiveUpload, changedFiles, isMissingContent } from '../../source/upload.ts';
import { counted, shortDigest, outcomeLine } from '../../output/format.ts';

interface PublishOptions {
  readonly channel?: string;
  readonly createChannel?: boolean;
  readonly onConflict?: ConflictRule;
  readonly message?: string;
  readonly notBefore?: string;
  readonly ifGeneration?: number;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly dryRun?: boolean;
  readonly list?: boolean;
}

/** `pointsman publish DIR`: publishes a directory, and waits until its release has settled. */
export function publishCommand(cli: Cli): Command {
  return new Command('publish')
    .description('publish a directory and wait for the outcome')
    .argument('<dir>', 'the source directory')
    .option('--channel <name>', 'the pointer to move', channelOf, channelOf(undefined))
    .addOption(createChannelOption())
    .addOption(
      new Option('--on-conflict <rule>', 'what to do if a release is already in flight').choices(
        ConflictRule.options,
      ),
    )
    .option('--message <text>', 'the message of the release, for the history', sentence)
    .option('--not-before <when>', 'do not become live before this time, or this far ahead: 2h', timeAhead)
    .option('--if-generation <n>', 'only if the pointer is still at this generation', generation)
    .addOption(idempotencyKeyOption('publish'))
    .option('--wait', 'wait for the outcome (the default)')
    .option(
      '--no-wait',
      `exit as soon as the release is accepted, with exit code ${EXIT_CODES.inFlight.code}`,
    )
    .addOption(timeoutOption())
    .option('--dry-run', 'only check and compile')
    .option('--list', 'only list what would be sent and what is ignored')
    .addHelpText('after', HELP)
    .action(async (dir: string, options: PublishOptions, command: Command) => {
      cli.finish(await publish(commandRun(cli, command), dir, options));
    });
}

const HELP = `
Everything under <dir> is the source, except what is ignored: dot files, node_modules, private keys (*.pem, *.key, …), backup files of
editors, and what <dir>/${IGNORE_FILE} lists in the syntax of .gitignore. "!.well-known/" there includes a default again. Symbolic links are
refused, even in the path <dir>.
The exit code is 0 only when the release is published, or unchanged because the same artifact is live ("pointsman help exit-codes" lists the others).
--not-before takes 2026-12-24T07:00:00Z or 2h. Use --no-wait if that is later than --timeout.`;

async function publish(run: CommandRun, dir: string, options: PublishOptions): Promise<ExitName> {
  if (options.list) {
    showSourceList(run, await packDirectory(dir));
    return 'done';
  }
  const [tenant, bundle, channel] = [run.tenant(), run.bundle(), channelOf(options.channel)];
  const source = await packDirectory(dir);
  const path = pathOf(paths.releases, { tenant, bundle });
  const deadline = deadlineAfter(options.timeout);
  if (!run.terminal.json) {
    const what = `${counted(source.files.length, 'file')}, ${humanBytes(source.bytes)}`;
    run.terminal.out(
      `${options.dryRun ? 'checking' : 'publishing'} ${tenant}/${bundle} to ${channel}: ${what}\n`,
    );
  }
  printIgnored(run, source);
  try {
    if (options.dryRun) return await dryRun(run, path, source, { dir, channel, deadline });
    const release = await submit(run, path, source, { ...options, channel, deadline });
    showWarnings(release.warnings, dir, run.terminal);
    if (options.wait !== false) return await awaitOutcome(run, release, { deadline, directory: dir });
    if (run.terminal.json) run.terminal.document(release);
    else run.terminal.out(`${outcomeLine(release, run.terminal)}\n`);
    return 'inFlight';
  } catch (error) {
    if (error instanceof ApiProblem) showDiagnostics(error.problem.diagnostics ?? [], dir, run.terminal);
    throw error;
  }
}

async function submit(
  run: CommandRun,
  path: string,
  source: PackedSource,
  options: PublishOptions & { readonly deadline: Deadline },
): Promise<AcceptedRelease> {
  const { channel, createChannel, onConflict, message, notBefore, ifGeneration, deadline } = options;
  const repetition = {
    key: options.idempotencyKey,
    // The repeated command must contain the absolute time. A relative time such as `2h` would mean a later
    // moment when the command is repeated.
    same: notBefore === undefined ? '' : ` --not-before ${notBefore}`,
    maybe: 'The release may have been accepted.',
    repeated: '. The release is published at most once.',
  };
  const chosen = { channel, onConflict, message, notBefore };
  const guard = ifGeneration === undefined ? {} : { 'if-match': etagOf(ifGeneration) };
  const query: PublishQuery = { ...chosen, createChannel: createChannel === true ? 'true' : undefined };
  return sendOnce(repetition, (once) =>
    send(run, path, AcceptedRelease, source, {
      query,
      options: { ...chosen, createChannel },
      headers: { ...once, ...guard },
      deadline,
    }),
  ).catch((error: unknown) => {
    hintAtCreating(error);
    throw error;
  });
}

interface Sending {
  /** The options of the publish, as the query parameters of an archive. */
  readonly query: PublishQuery;
  /** The same options, as fields of a JSON body. Null if the request has no JSON body. */
  readonly options: Omit<PublishBody, 'files'> | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadline: Deadline;
}

/** Sends a source: only the files that the server has not stored, or the whole archive. Both count as the same request. */
async function send<T>(
  run: CommandRun,
  path: string,
  schema: z.ZodType<T>,
  source: PackedSource,
  { query, options, headers, deadline: { signal } }: Sending,
): Promise<T> {
  const whole = () =>
    run.client.call('POST', path, schema, archiveUpload(source, { query, headers, deadline: signal }));
  const changes = options && (await changedFiles(run.client, run.tenant(), source, signal));
  if (changes === null) return whole();
  if (!run.terminal.json)
    run.terminal.out(
      `sending ${changes.sent} of ${counted(source.files.length, 'file')}; the others are stored\n`,
    );
  const json: PublishBody = { ...options, files: changes.files };
  try {
    const timeoutMs = clientLimits.uploadMs;
    return await run.client.call('POST', path, schema, { json, headers, timeoutMs, deadline: signal });
  } catch (error) {
    if (!isMissingContent(error)) throw error;
    return whole();
  }
}

async function dryRun(
  run: CommandRun,
  path: string,
  source: PackedSource,
  { dir, channel, deadline }: { dir: string; channel: string; deadline: Deadline },
): Promise<ExitName> {
  const { terminal } = run;
  const answer = await send(run, path, DryRun, source, {
    query: { channel, dryRun: 'true' },
    options: null,
    headers: { 'idempotency-key': randomUUID() },
    deadline,
  });
  showDiagnostics(answer.diagnostics, dir, terminal);
  showWarnings(answer.warnings, dir, terminal);
  if (terminal.json) terminal.document(answer);
  else if (answer.valid) {
    const digest = answer.digest === null ? '' : `: ${shortDigest(answer.digest)}`;
    terminal.out(`${terminal.paint(['bold', 'green'], 'valid')}  nothing was published${digest}\n`);
  } else
    terminal.out(
      `${terminal.paint(['bold', 'red'], 'invalid')}  ${counted(answer.diagnostics.length, 'problem')}\n`,
    );
  return answer.valid ? 'done' : 'rejected';
}
