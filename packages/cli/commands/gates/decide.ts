import { type Command, Option } from 'commander';

import type { Decision } from '@pointsman/protocol/releases/gate';
import type { ApprovalBody } from '@pointsman/protocol/releases/gate-bodies';
import { correlationId, type ReleaseId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { CommandRun } from '../../context.ts';
import { compareWithLive } from '../releases/comparison.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { openGates } from '../../output/format-gate.ts';
import { digest, gateName, generation, type NamedRelease, sentence } from '../../options/option-values.ts';
import { releaseOf } from '../../options/named-release.ts';
import { DecisionView, ReleaseView } from '@pointsman/client/internal/http/resources';
import { RECORDED_ONCE, idempotencyKeyOption, sendOnce } from '../../options/idempotency-option.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface DecisionOptions {
  readonly gate?: string;
  readonly comment?: string;
  readonly digest?: string;
  readonly ifGeneration?: number;
  readonly idempotencyKey?: string;
  readonly yes?: boolean;
}

/** Adds the options that `approve` and `reject` have in common. */
export function withDecisionOptions(command: Command): Command {
  return command
    .addOption(new Option('--gate <name>', 'the gate, if the release waits for several').argParser(gateName))
    .option('--comment <text>', 'the reason, for the record', sentence)
    .option(
      '--digest <digest>',
      'the digest of what you have reviewed: refused if the release has another one',
      digest,
    )
    .option('--if-generation <n>', 'only if the pointer is still at this generation', generation)
    .addOption(idempotencyKeyOption('decide'))
    .option('--yes', 'decide without confirmation, on the artifact that the release has now');
}

/**
 * Sends a person's decision on a gate of a release. The decision applies to one artifact: the one given with
 * `--digest`, or the one that this command shows in a comparison with the live release. Without a terminal,
 * `--digest` or `--yes` is required. If the user does not confirm, sends nothing and throws CliError.
 */
export async function decide(
  run: CommandRun,
  named: NamedRelease,
  decision: Decision,
  options: DecisionOptions,
): Promise<ExitName> {
  if (options.digest === undefined && options.yes !== true && run.prompt === null) {
    throw new CliError('usage', "Can't ask for confirmation: not a terminal.", {
      hints: [
        'Pass the digest of what you have reviewed with --digest, or --yes to decide on the artifact that the release has now.',
      ],
    });
  }
  if (decision === 'reject' && options.comment === undefined && run.prompt === null) {
    throw new CliError(
      'usage',
      'A rejection needs a reason. Pass it with --comment: the author of the release sees it.',
    );
  }
  const id = releaseOf(run, named);
  const seen: Reviewed = options.digest === undefined ? await review(run, id) : { digest: options.digest };
  const comment = await promptForMissing(run, id, decision, options);
  const body: ApprovalBody = {
    decision,
    digest: seen.digest,
    generation: options.ifGeneration ?? seen.generation,
    gate: options.gate,
    comment,
  };
  const repetition = { key: options.idempotencyKey, same: repeatOptions(body), ...RECORDED_ONCE };
  const recorded = await sendOnce(repetition, (headers) => send(run, id, body, headers));
  if (run.terminal.json) run.terminal.document(recorded);
  else
    run.terminal.out(
      `${outcomeOf(recorded, decision, run.terminal)}  ${correlationId(id)} ${gateStatus(recorded)}\n`,
    );
  return 'done';
}

/** What a decision applies to. */
type Reviewed = Pick<ApprovalBody, 'digest' | 'generation'>;

/**
 * Returns the digest of the artifact to decide on, and the pointer's generation at the time of the
 * comparison. Without `--json`, also prints the comparison with the live release.
 */
async function review(run: CommandRun, id: ReleaseId): Promise<Reviewed> {
  const release = await run.client.call('GET', pathOf(paths.release, id), ReleaseView);
  const { digest: made } = release;
  if (made === null) {
    const why = release.outcome === null ? 'is not compiled yet' : `has settled as ${release.outcome}`;
    throw new CliError('refused', `${correlationId(id)} ${why}: there is nothing to decide.`);
  }
  // If no gate is open, nothing needs to be compared: the API will reject the decision and explain why.
  if (openGates(release.gates).length === 0) return { digest: made };
  const seen = await compareWithLive(run, { ...release, digest: made });
  if (!run.terminal.json) run.terminal.out(seen.text);
  return seen;
}

async function promptForMissing(
  { prompt }: CommandRun,
  id: ReleaseId,
  decision: Decision,
  { comment, digest: given, yes }: DecisionOptions,
): Promise<string | undefined> {
  if (prompt === null) return comment;
  if (decision === 'reject' && comment === undefined) {
    const why = await prompt('Reason for the rejection (empty to abort): ');
    if (why === '') throw declined();
    return why;
  }
  if (given !== undefined || yes === true) return comment;
  const verb = decision === 'approve' ? 'Approve' : 'Reject';
  const answer = await prompt(`${verb} ${correlationId(id)}? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer)) throw declined();
  return comment;
}

function declined(): CliError {
  return new CliError('interrupted', 'No decision was recorded.');
}

/**
 * Returns the command-line options with which the user can repeat the same decision. They name the reviewed
 * artifact, because another release may be live by then.
 */
function repeatOptions({ digest: reviewed, generation: seen }: ApprovalBody): string {
  return seen === undefined ? ` --digest ${reviewed}` : ` --digest ${reviewed} --if-generation ${seen}`;
}

async function send(
  run: CommandRun,
  id: ReleaseId,
  body: ApprovalBody,
  headers: Readonly<Record<string, string>>,
): Promise<DecisionView> {
  try {
    return await run.client.call('POST', pathOf(paths.approvals, id), DecisionView, {
      headers,
      json: body,
    });
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.code === 'pointer_moved') {
      error.hints.push(
        'Another release has become live since. Review the comparison again, then repeat the command.',
      );
    }
    throw error;
  }
}

function outcomeOf({ state }: DecisionView, decision: Decision, terminal: Terminal): string {
  if (decision === 'reject') return terminal.paint(['bold', 'red'], 'rejected');
  return terminal.paint(['bold', state === 'passed' ? 'green' : 'yellow'], 'approved');
}

function gateStatus({ gate, state, decisions, needed }: DecisionView): string {
  return state === 'open' ? `at "${gate}": ${decisions} of ${needed}` : `at "${gate}": ${state}`;
}
