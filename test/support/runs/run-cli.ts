import { runCommandLine } from '../../../packages/cli/program.ts';
import type { OutputStream } from '../../../packages/cli/output/terminal.ts';

export interface CliResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The questions that the CLI asked the user at the terminal. */
  readonly asked: readonly string[];
}

export interface RunCliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  /**
   * The user's answers, in the order of the questions. The input ends after the last answer. Undefined means that
   * there is no user to ask.
   */
  readonly answers?: readonly string[];
  /** The content of standard input. */
  readonly stdin?: string;
  /** The delay before the first retry. It is short by default, because in most tests no retry succeeds. */
  readonly firstRetryMs?: number;
}

/** Runs a command line in this process as if it had its own process, without the settings of this machine. */
export async function runCli(args: readonly string[], options: RunCliOptions = {}): Promise<CliResult> {
  const { env = {}, isTTY = false, signal = new AbortController().signal, firstRetryMs = 5 } = options;
  const asked: string[] = [];
  const { answers } = options;
  const prompt = (question: string): Promise<string> => {
    asked.push(question);
    return Promise.resolve(answers?.[asked.length - 1] ?? '');
  };
  const stdout = kept(isTTY);
  const stderr = kept(isTTY);
  const exit = await runCommandLine(args, {
    env: { POINTSMAN_HOME: '/nowhere', ...env },
    stdout,
    stderr,
    signal,
    firstRetryMs,
    readStdin: () => Promise.resolve(options.stdin ?? ''),
    ...(answers === undefined ? {} : { prompt }),
  });
  return { exit, stdout: stdout.text(), stderr: stderr.text(), asked };
}

function kept(isTTY: boolean): OutputStream & { text(): string } {
  const chunks: Buffer[] = [];
  return {
    isTTY,
    write: (chunk) => chunks.push(Buffer.from(chunk as string)),
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
