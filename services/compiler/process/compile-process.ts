import { cut } from '@pointsman/protocol/text/cut';
import { digestOf } from '@pointsman/protocol/digest';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { compileSource } from '../compile-source.ts';
import type {
  Ask,
  FromProcess,
  FromTask,
  FileResponse,
  ProcessAnswer,
  ProcessTask,
  ToProcess,
  FileRequest,
} from './compile-protocol.ts';
import { processLimits } from '../limits.ts';
import { messagesOf } from './sent-result.ts';
import { forgetCompilation, isSpent } from './process-hygiene.ts';

/**
 * The compilation that this compile process currently runs. A compile process runs one compilation at a time. It
 * communicates with its parent only by messages, and exits when the parent exits. The parent may kill it at any time.
 */
interface RunningTask {
  readonly taskId: number;
  /** The callbacks of the questions (requests for files) that have no answer yet, by question ID. */
  readonly open: Map<number, (answer: ProcessAnswer) => void>;
  hasSentStart: boolean;
}

let running: RunningTask | null = null;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToProcess) => {
  if ('task' in message) {
    running = { taskId: message.taskId, open: new Map(), hasSentStart: false };
    void compileTask(message.task, running);
  } else if (message.taskId === running?.taskId) {
    const { open } = running;
    open.get(message.questionId)?.(message.answer);
    open.delete(message.questionId);
  }
});

async function compileTask({ paths, digests, sizes }: ProcessTask, task: RunningTask): Promise<void> {
  const entries = paths.map((path, index) => ({
    path,
    digest: digests[index] ?? '',
    size: sizes[index] ?? 0,
  }));
  try {
    const rest = await compileAndSend(task, entries);
    forgetCompilation();
    await send(task, [...rest, { kind: 'end', isSpent: isSpent() }]);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const ofCompiler = !(error instanceof WrongContent);
    void send(task, [{ kind: 'threw', message: cut(message, processLimits.stderrChars), ofCompiler }]);
  }
  if (running === task) running = null;
}

/**
 * Compiles the source and sends the result, without the parts of its last message. These are returned, and are sent with
 * the end.
 *
 * This is a separate function, so that the result can be garbage-collected after it is sent and before the heap is
 * measured.
 */
async function compileAndSend(
  task: RunningTask,
  entries: readonly SourceEntry[],
): Promise<readonly FromTask[]> {
  const result = await compileSource(entries, askFor(task));
  let last: readonly FromTask[] = [];
  for (const parts of messagesOf(result)) {
    if (last.length > 0) await send(task, last);
    last = parts;
  }
  return last;
}

function askFor(task: RunningTask): Ask {
  let questionId = 0;
  return async (wanted) => {
    if (wanted.length === 0) return [];
    const { promise, resolve } = Promise.withResolvers<ProcessAnswer>();
    task.open.set(++questionId, resolve);
    const keys = wanted.map(({ key }) => key);
    const digests = wanted.map(({ digest }) => digest);
    void send(task, [{ kind: 'question', questionId, keys, digests }]);
    return unpack(wanted, await promise);
  };
}

class WrongContent extends Error {}

/**
 * Converts an answer to one response per requested file. It checks the digest of each content, so that a file never
 * gets the content of another file. The check takes about 2 s per GiB.
 */
function unpack(
  wanted: readonly FileRequest[],
  { facts, contents, digests, ends, arena }: ProcessAnswer,
): FileResponse[] {
  const given = digests.map((digest, nth) => {
    const content = arena.subarray(ends[nth - 1] ?? 0, ends[nth]);
    if (digestOf(content) !== digest)
      throw new WrongContent(`the content of ${digest} has a different digest`);
    return { digest, content };
  });
  return wanted.map(({ digest }, index) => {
    const known = facts[index] ?? null;
    const found = given[contents[index] ?? -1];
    if (known !== null || !found) return { facts: known, content: null };
    if (found.digest !== digest) throw new Error(`requested ${digest}, but received ${found.digest}`);
    return { facts: null, content: found.content };
  });
}

/**
 * Sends a message, and waits until it is written, so that only one piece of a large result is in the send buffer. The
 * first message of a task also reports its start. Nothing is sent for a task that has ended, because the bundler may
 * call back after that.
 */
async function send(task: RunningTask, parts: readonly FromTask[]): Promise<void> {
  if (running !== task) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = task.hasSentStart ? parts : [{ kind: 'started' } as const, ...parts];
  task.hasSentStart = true;
  // An error means that the parent has exited. It is ignored, because this process then also exits.
  process.send?.({ taskId: task.taskId, parts: all } satisfies FromProcess, () => resolve());
  await promise;
}
