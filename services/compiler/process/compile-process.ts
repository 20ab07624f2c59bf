import { cut } from '@pointsman/protocol/text/cut';
import { digestOf } from '@pointsman/protocol/digest';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { compileSource } from '../compile-source.ts';
import type {
  Ask,
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
}

let running: RunningTask | null = null;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToProcess) => {
  if ('task' in message) {
    running = { taskId: message.taskId, open: new Map() };
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
  void send(task, { kind: 'started' });
  try {
    await compileAndSend(task, entries);
    forgetCompilation();
    await send(task, { kind: 'end', isSpent: isSpent() });
  } catch (error) {
    void send(task, {
      kind: 'threw',
      message: cut(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
        processLimits.stderrChars,
      ),
      ofCompiler: !(error instanceof WrongContent),
    });
  }
  if (running === task) running = null;
}

/**
 * This is a separate function, so that the result can be garbage-collected after it is sent and before the heap is
 * measured.
 */
async function compileAndSend(task: RunningTask, entries: readonly SourceEntry[]): Promise<void> {
  const result = await compileSource(entries, askFor(task));
  for (const message of messagesOf(result)) await send(task, message);
}

function askFor(task: RunningTask): Ask {
  let questionId = 0;
  return async (wanted) => {
    if (wanted.length === 0) return [];
    const { promise, resolve } = Promise.withResolvers<ProcessAnswer>();
    task.open.set(++questionId, resolve);
    void send(task, {
      kind: 'question',
      questionId,
      keys: wanted.map(({ key }) => key),
      digests: wanted.map(({ digest }) => digest),
    });
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
 * Sends a message, and waits until it is written, so that only one piece of a large result is in the send buffer.
 * Nothing is sent for a task that has ended, because the bundler may call back after that.
 */
async function send(task: RunningTask, message: FromTask): Promise<void> {
  if (running !== task) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  // An error means that the parent has exited. It is ignored, because this process then also exits.
  process.send?.({ taskId: task.taskId, ...message }, () => resolve());
  await promise;
}
