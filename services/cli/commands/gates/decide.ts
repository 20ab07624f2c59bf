import { type Command, Option } from 'commander';

import type { Decision } from '../../../../core/gates/gate.ts';
import { correlationId, type ReleaseId } from '../../../../core/identifiers.ts';
import { releasePath } from '../../client/api-paths.ts';
import type { CommandRun } from '../../context.ts';
import { compareWithLive } from '../releases/comparison.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { openGates } from '../../output/format-gate.ts';
import { digest, gateName, generation, type NamedRelease, sentence } from '../../options/option-values.ts';
import { releaseOf } from '../../options/named-release.ts';
import { Heard, ReleaseView } from '../../client/resources.ts';
import { HEARD_ONCE, idempotencyKeyOption, sendOnce } from '../../options/idempotency-option.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface WordOptions {
  readonly gate?: string;
  readonly comment?: string;
  readonly digest?: string;
  readonly ifGeneration?: number;
  readonly idempotencyKey?: string;
  readonly yes?: boolean;
}

/** What `approve` and `reject` take alike. */
export function withWordOptions(command: Command): Command {
  return command
    .addOption(new Option('--gate <name>', 'which gate, where it waits for several').argParser(gateName))
    .option('--comment <text>', 'why, for its record', sentence)
    .option('--digest <digest>', 'only if it is this artifact: what you have looked at', digest)
    .option('--if-generation <n>', 'only if the pointer is still at this generation', generation)
    .addOption(idempotencyKeyOption('say it'))
    .option('--yes', 'without being asked, whatever it is now');
}

/**
 * A person's word on a release. It is about what was looked at: the artifact that was named with `--digest`, or the one that is shown here
 * against what is live, with the generation at which that was so. Where nobody can be asked, one of `--digest` and `--yes` must say
 * which is meant. Throws CliError, with nothing said, when the person does not want to after all.
 */
export async function sayWord(
  run: CommandRun,
  named: NamedRelease,
  decision: Decision,
  options: WordOptions,
): Promise<ExitName> {
  if (options.digest === undefined && options.yes !== true && run.ask === null) {
    throw new CliError('usage', 'Nobody is here to be asked.', {
      hints: ['Name what you have looked at with --digest, or say --yes to whatever the release is now.'],
    });
  }
  if (decision === 'reject' && options.comment === undefined && run.ask === null) {
    throw new CliError('usage', 'Say why, with --comment: it is all that its author will learn.');
  }
  const id = releaseOf(run, named);
  const seen = options.digest === undefined ? await look(run, id) : null;
  const comment = await askWhatIsMissing(run, id, decision, options);
  const word: Word = {
    decision,
    digest: options.digest ?? seen?.digest,
    generation: options.ifGeneration ?? seen?.generation,
    gate: options.gate,
    comment,
  };
  const repetition = { key: options.idempotencyKey, same: sameWord(word), ...HEARD_ONCE };
  const heard = await sendOnce(repetition, (headers) => send(run, id, word, headers));
  if (run.terminal.json) run.terminal.document(heard);
  else
    run.terminal.out(`${outcomeOf(heard, decision, run.terminal)}  ${correlationId(id)} ${stands(heard)}\n`);
  return 'done';
}

/** What the word would be about. Shown to whoever is there, and kept to the artifact and the generation for the others. */
async function look(run: CommandRun, id: ReleaseId): Promise<{ digest: string; generation?: number }> {
  const release = await run.client.call('GET', releasePath(id.tenant, id.bundle, id.version), ReleaseView);
  const { digest: made } = release;
  if (made === null) {
    const why = release.outcome === null ? 'is not compiled yet' : `has ended as ${release.outcome}`;
    throw new CliError('refused', `${correlationId(id)} ${why}: there is nothing to speak about.`);
  }
  // Whatever is the matter, the API knows it better, and says it.
  if (openGates(release.gates).length === 0) return { digest: made };
  const seen = await compareWithLive(run, { ...release, digest: made });
  if (!run.terminal.json) run.terminal.out(seen.text);
  return seen;
}

async function askWhatIsMissing(
  { ask }: CommandRun,
  id: ReleaseId,
  decision: Decision,
  { comment, digest: given, yes }: WordOptions,
): Promise<string | undefined> {
  if (ask === null) return comment;
  if (decision === 'reject' && comment === undefined) {
    const why = await ask('Why? It is rejected with what you write, and not at all if that is nothing: ');
    if (why === '') throw nothingSaid();
    return why;
  }
  if (given !== undefined || yes === true) return comment;
  const verb = decision === 'approve' ? 'Approve' : 'Reject';
  const answer = await ask(`${verb} ${correlationId(id)}? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer)) throw nothingSaid();
  return comment;
}

function nothingSaid(): CliError {
  return new CliError('interrupted', 'Nothing was said.');
}

/** As the API takes it. */
interface Word {
  readonly decision: Decision;
  readonly digest: string | undefined;
  readonly generation: number | undefined;
  readonly gate: string | undefined;
  readonly comment: string | undefined;
}

/** What was looked at is named once more: by then something else may be there, and it would be another word. */
function sameWord(word: Word): string {
  const what = word.digest === undefined ? '' : ` --digest ${word.digest}`;
  return word.generation === undefined ? what : `${what} --if-generation ${word.generation}`;
}

async function send(
  run: CommandRun,
  id: ReleaseId,
  word: Word,
  headers: Readonly<Record<string, string>>,
): Promise<Heard> {
  try {
    return await run.client.call(
      'POST',
      `${releasePath(id.tenant, id.bundle, id.version)}/approvals`,
      Heard,
      {
        headers,
        json: word,
      },
    );
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.code === 'pointer_moved') {
      error.hints.push('Something else is live by now: look again, and say it again if it still holds.');
    }
    throw error;
  }
}

function outcomeOf({ state }: Heard, decision: Decision, terminal: Terminal): string {
  if (decision === 'reject') return terminal.paint(['bold', 'red'], 'rejected');
  return terminal.paint(['bold', state === 'passed' ? 'green' : 'yellow'], 'approved');
}

function stands({ gate, state, said, needed }: Heard): string {
  return state === 'open' ? `at "${gate}": ${said} of ${needed}` : `at "${gate}", which has ${state}`;
}
