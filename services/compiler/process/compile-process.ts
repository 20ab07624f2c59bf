import { cut } from '@pointsman/protocol/text/cut';
import { digestOf } from '@pointsman/protocol/digest';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { compileSource } from '../compile-source.ts';
import type {
  Ask,
  FromTask,
  Given,
  ProcessAnswer,
  ProcessTask,
  ToProcess,
  Wanted,
} from './compile-protocol.ts';
import { processLimits } from '../limits.ts';
import { messagesOf } from './sent-result.ts';
import { forgetCompilation, isSpent } from './process-hygiene.ts';

/**
 * A process of its own that compiles one source after the other. It reads and writes nothing but messages with the process that started
 * it, which may kill it at any moment, and it ends when that one is gone.
 */
interface RunningTask {
  readonly taskId: number;
  /** The questions without an answer, by number. */
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
        processLimits.lastWordsChars,
      ),
      ofCompiler: !(error instanceof WrongContent),
    });
  }
  if (running === task) running = null;
}

/** A function of its own, so that nothing holds the result any more once it is sent. */
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

/** Each content is compared with its digest, so that the content of one file can't stand in for another. Costs about 2 s for a GiB. */
function unpack(
  wanted: readonly Wanted[],
  { facts, contents, digests, ends, arena }: ProcessAnswer,
): Given[] {
  const given = digests.map((digest, nth) => {
    const content = arena.subarray(ends[nth - 1] ?? 0, ends[nth]);
    if (digestOf(content) !== digest) throw new WrongContent(`the content of ${digest} has another digest`);
    return { digest, content };
  });
  return wanted.map(({ digest }, index) => {
    const known = facts[index] ?? null;
    const found = given[contents[index] ?? -1];
    if (known !== null || !found) return { facts: known, content: null };
    if (found.digest !== digest) throw new Error(`${digest} was asked for, and ${found.digest} given`);
    return { facts: null, content: found.content };
  });
}

/**
 * Waits until the message is written, so that a large result does not lie in memory a second time. A task that is over sends nothing: the
 * bundler may call back once more after its end.
 */
async function send(task: RunningTask, message: FromTask): Promise<void> {
  if (running !== task) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  // A message that could not be written was for a process that is gone, and this one ends with it.
  process.send?.({ taskId: task.taskId, ...message }, () => resolve());
  await promise;
}
