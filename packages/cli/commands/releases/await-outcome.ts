import { correlationId } from '@pointsman/protocol/identifiers';
import { humanDuration } from '@pointsman/protocol/text/amounts';
import type { CommandRun } from '../../context.ts';
import { exitOfOutcome, type ExitName } from '../../exit-codes.ts';
import { CliError, Unreachable } from '../../failures.ts';
import { followRelease } from '@pointsman/client/internal/http/follow-release';
import { openGateNames, openGates } from '../../output/format-gate.ts';
import { printable } from '../../output/printable.ts';
import { progress } from '../../output/progress.ts';
import { showDiagnostics } from '../../report-failure.ts';
import type { ReleaseView } from '@pointsman/client/internal/http/resources';
import { outcomeLine } from '../../output/format.ts';

/**
 * The timeout of a command that waits for a release. It counts from the start of the command, so it includes
 * the time for retries of the publish.
 */
export interface Deadline {
  readonly afterMs: number;
  readonly signal: AbortSignal;
}

export function deadlineAfter(ms: number): Deadline {
  return { afterMs: ms, signal: AbortSignal.timeout(ms) };
}

export interface AwaitOptions {
  readonly deadline: Deadline;
  /**
   * The source directory. Its lines are shown below the diagnostics. Null if the directory is not on this
   * machine.
   */
  readonly directory: string | null;
  /** If set, this function is called with every new view of the release, and the progress is not printed. */
  readonly onView?: (view: ReleaseView) => void;
}

/**
 * Prints the progress of a release until it has settled, and then its outcome. After the timeout it returns
 * `inFlight`, and the release continues. If the wait is interrupted or the connection is lost, throws a
 * CliError, which states that the release continues.
 */
export async function awaitOutcome(
  run: CommandRun,
  release: ReleaseView,
  options: AwaitOptions,
): Promise<ExitName> {
  const { deadline } = options;
  const stages = progress(run.terminal);
  const show = options.onView ?? ((view) => stages.show(view));
  let last = release;
  try {
    for await (const view of followRelease(
      run.client,
      release,
      AbortSignal.any([run.signal, deadline.signal]),
    )) {
      last = view;
      show(view);
    }
  } catch (error) {
    stages.end();
    if (run.signal.aborted) throw stoppedWaiting(last, 'interrupted', 'Interrupted.');
    if (!deadline.signal.aborted) {
      throw error instanceof Unreachable ? stoppedWaiting(last, 'unavailable', error.message) : error;
    }
    const still = `${correlationId(last)} is still in flight after ${humanDuration(deadline.afterMs)}`;
    run.terminal.err(`${still}${waitText(last)}.\n`);
    if (options.onView === undefined && run.terminal.json) run.terminal.document(last);
    return 'inFlight';
  }
  return showOutcome(run, last, options);
}

function showOutcome(run: CommandRun, release: ReleaseView, options: AwaitOptions): ExitName {
  const { terminal } = run;
  const diagnostics = release.stages.flatMap((stage) => stage.diagnostics);
  showDiagnostics(diagnostics, options.directory, terminal);
  if (!terminal.json) terminal.out(`${outcomeLine(release, terminal)}\n`);
  else if (options.onView === undefined) terminal.document(release);
  return release.outcome === null ? 'failed' : exitOfOutcome(release.outcome);
}

/** Creates the error for a command that stops waiting while the release continues. */
function stoppedWaiting(id: ReleaseView, exit: ExitName, why: string): CliError {
  const where = `--tenant ${id.tenant} --bundle ${id.bundle}`;
  const wantsApproval = openGates(id.gates).some(({ kind }) => kind === 'approval');
  return new CliError(exit, `${why} ${correlationId(id)} was accepted and continues${waitText(id)}.`, {
    hints: [
      ...(wantsApproval ? [`Approve it: pointsman approve ${id.version} ${where}`] : []),
      `Watch it: pointsman watch ${id.version} ${where}`,
      `Stop it: pointsman cancel ${id.version} ${where}`,
    ],
  });
}

function waitText({ gates, waitingFor }: ReleaseView): string {
  const other = waitingFor.find(({ kind }) => kind === 'sink' || kind === 'compiler' || kind === 'release');
  if (other !== undefined) return `: it ${printable(other.text)}`;
  const names = openGateNames(gates);
  return names === '' ? '' : `: it waits for ${names}`;
}
