import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';

import { etagOf } from '@pointsman/protocol/entity-tag';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { PolicyVersionView } from '@pointsman/client/internal/http/resources';
import { type ApiResponse, headerOf } from '@pointsman/client/internal/http/response';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { cliLimits } from '../../limits.ts';
import { rowCount, sentence } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { type PolicyFile, readPolicyFile } from './policy-file.ts';
import { printable } from '../../output/printable.ts';
import { showDiagnostics } from '../../report-failure.ts';
import { table } from '../../output/table.ts';
import { unifiedDiff } from '../../output/unified-diff.ts';
import { counted, moment } from '../../output/format.ts';

interface SetOptions {
  readonly message?: string;
  readonly ifVersion?: number;
}

/** `pointsman policy`: manages a tenant's policy, the rules for its publishes. */
export function policyCommand(cli: Cli): Command {
  const get = new Command('get')
    .description('print the policy, in the format of "policy set"')
    .argument('[version]', 'an earlier version', policyVersion)
    .action(async (version: number | undefined, _options: unknown, command: Command) => {
      cli.finish(await showPolicy(commandRun(cli, command), version));
    });
  const set = new Command('set')
    .description("set the tenant's policy, and print what has changed")
    .argument('<file>', 'the whole policy, in YAML or JSON')
    .option('--message <text>', 'the reason, for the history', sentence)
    .option(
      '--if-version <n>',
      'only if the policy is still at this version; default: the version read just before',
      policyVersion,
    )
    .action(async (file: string, options: SetOptions, command: Command) => {
      cli.finish(await setPolicy(commandRun(cli, command), file, options));
    });
  const history = new Command('history')
    .description('list the versions of the policy, newest first')
    .option('--limit <n>', 'the number of rows', rowCount, cliLimits.shownRows)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      cli.finish(await showHistory(commandRun(cli, command), limit));
    });
  return new Command('policy')
    .description("read and set the tenant's policy: gates, freezes, conflict rules")
    .addCommand(get)
    .addCommand(set)
    .addCommand(history);
}

async function showPolicy(run: CommandRun, asked: number | undefined): Promise<ExitName> {
  const { terminal } = run;
  const { version, policy } = await readPolicy(run, asked);
  if (terminal.json) terminal.document({ version, policy });
  else terminal.out(`# ${run.tenant()}, version ${version}\n${inLines(policy)}`);
  return 'done';
}

async function setPolicy(run: CommandRun, file: string, options: SetOptions): Promise<ExitName> {
  const { terminal } = run;
  const written = readPolicyFile(file);
  if (written.kind === 'wrong') {
    showDiagnostics(written.diagnostics, dirname(file), terminal);
    throw new CliError('rejected', `${printable(file)} ${hasProblems(written.diagnostics.length)}.`);
  }
  const before = await readPolicy(run);
  const after = await putPolicy(run, written, {
    ...options,
    ifVersion: options.ifVersion ?? before.version,
  }).catch((error: unknown) => {
    throw atFileLines(error, written, file, run);
  });
  const changed = after.version !== before.version;
  if (terminal.json) terminal.document({ ...after, changed });
  else {
    const label = terminal.paint(['bold', 'green'], changed ? 'set' : 'unchanged');
    terminal.out(`${label}  the policy of ${run.tenant()} is version ${after.version}\n`);
    const diff = unifiedDiff(inLines(before.policy), inLines(after.policy), terminal);
    terminal.out(diff ?? 'almost every line differs\n');
  }
  return 'done';
}

type Written = Extract<PolicyFile, { kind: 'read' }>;

async function putPolicy(
  run: CommandRun,
  { document }: Written,
  { message, ifVersion }: SetOptions & { readonly ifVersion: number },
): Promise<PolicyVersion> {
  const answer = await run.client.send('PUT', pathOf(paths.policy, { tenant: run.tenant() }), {
    json: document,
    query: { message },
    headers: { 'idempotency-key': randomUUID(), 'if-match': etagOf(ifVersion) },
  });
  return parsePolicy(answer);
}

/**
 * Replaces an error of the API by one that shows each problem at its line of the policy file. Returns all
 * other errors unchanged.
 */
function atFileLines(error: unknown, { placed }: Written, file: string, { terminal }: CommandRun): unknown {
  if (!(error instanceof ApiProblem)) return error;
  const { errors = [], code } = error.problem;
  if (code === 'policy_changed')
    error.hints.push('Review it with "pointsman policy get", then repeat the command.');
  if (code !== 'invalid_request' || errors.length === 0) return error;
  showDiagnostics(placed(errors), dirname(file), terminal);
  const detail = `${printable(file)} ${hasProblems(errors.length)}.`;
  return new ApiProblem({ ...error.problem, detail }, 'rejected');
}

async function showHistory(run: CommandRun, limit: number): Promise<ExitName> {
  const { client, terminal } = run;
  const items = await listRows(
    client,
    pathOf(paths.policyVersions, { tenant: run.tenant() }),
    PolicyVersionView,
    limit,
  );
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err(`${run.tenant()} does not have a policy yet.\n`);
  else {
    const rows = items.map(({ version, message, by, at }) => [
      String(version).padStart(5),
      moment(at),
      printable(by),
      printable(message ?? ''),
    ]);
    terminal.out(table(rows));
  }
  return 'done';
}

interface PolicyVersion {
  readonly version: number;
  readonly policy: unknown;
}

async function readPolicy(run: CommandRun, version?: number): Promise<PolicyVersion> {
  return parsePolicy(
    await run.client.send('GET', pathOf(paths.policy, { tenant: run.tenant() }), { query: { version } }),
  );
}

/** Parses a response that contains a policy. The version of the policy is in the ETag header. */
function parsePolicy(answer: ApiResponse): PolicyVersion {
  const version = /^(?:W\/)?"(\d+)"$/.exec(headerOf(answer, 'etag') ?? '')?.[1];
  if (version === undefined) throw new CliError('failed', 'The API did not send the version of the policy.');
  return { version: Number(version), policy: JSON.parse(answer.body.toString('utf8')) };
}

function inLines(policy: unknown): string {
  return stringify(policy, { lineWidth: 0 });
}

function hasProblems(count: number): string {
  return `has ${counted(count, 'problem')}`;
}

function policyVersion(text: string): number {
  if (/^v?[0-9]{1,15}$/.test(text)) return Number(text.replace(/^v/, ''));
  throw new InvalidArgumentError('A version is a number from 0, such as 3 or v3.');
}
