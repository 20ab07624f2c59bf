import { runCommandLine } from '../../../packages/cli/program.ts';
import type { OutputStream } from '../../../packages/cli/output/terminal.ts';

export interface CliResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the person was asked. */
  readonly asked: readonly string[];
}

export interface RunCliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  /** What the person at the terminal answers, question by question, and nothing after that; left out where nobody is there. */
  readonly answers?: readonly string[];
  /** What stands on standard input. */
  readonly stdin?: string;
  /** The pace of retries; quick unless given, for an API that is not there in any case. */
  readonly firstRetryMs?: number;
}

/** Runs a command line in this process, as its own process would, with nothing of this machine's settings. */
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
