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
 * The entry point of a compile process, which compiles one source at a time. It communicates only by messages with
 * its parent, which may kill it at any time. It exits when the parent exits.
 */
interface RunningTask {
  readonly taskId: number;
  /** The unanswered questions, by number. */
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

/** A separate function, so that the result can be garbage-collected after it is sent. */
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

/** Checks the digest of each content, so that no file gets the content of another. Takes about 2 s per GiB. */
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
 * Waits until the message is written, so that a large result is not in memory twice. Sends nothing for a finished task, because the bundler
 * may still call back after the task has ended.
 */
async function send(task: RunningTask, message: FromTask): Promise<void> {
  if (running !== task) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  // Ignores errors: they mean that the parent has exited, and then this process exits too.
  process.send?.({ taskId: task.taskId, ...message }, () => resolve());
  await promise;
}
