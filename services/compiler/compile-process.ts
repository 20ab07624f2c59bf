import { digestOf } from '../../core/digest.ts';
import { compileSource } from './compile-source.ts';
import type {
  Ask,
  FromTask,
  Given,
  ProcessAnswer,
  ProcessTask,
  ToProcess,
  Wanted,
} from './compile-protocol.ts';
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
  send(task, { kind: 'started' });
  try {
    const result = await compileSource(entries, askFor(task));
    forgetCompilation();
    send(task, { kind: 'result', result, isSpent: isSpent() });
  } catch (error) {
    send(task, {
      kind: 'threw',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  if (running === task) running = null;
}

function askFor(task: RunningTask): Ask {
  let questionId = 0;
  return async (wanted) => {
    if (wanted.length === 0) return [];
    const { promise, resolve } = Promise.withResolvers<ProcessAnswer>();
    task.open.set(++questionId, resolve);
    send(task, {
      kind: 'question',
      questionId,
      keys: wanted.map(({ key }) => key),
      digests: wanted.map(({ digest }) => digest),
    });
    return unpack(wanted, await promise);
  };
}

/** Each content is compared with its digest, so that the content of one file can't stand in for another. Costs about 2 s for a GiB. */
function unpack(wanted: readonly Wanted[], { facts, ends, arena }: ProcessAnswer): Given[] {
  let start = 0;
  return wanted.map(({ digest }, index) => {
    const known = facts[index] ?? null;
    const end = ends[index] ?? -1;
    if (known !== null || end < 0) return { facts: known, content: null };
    const content = arena.subarray(start, end);
    start = end;
    if (digestOf(content) !== digest) throw new Error(`the content of ${digest} has another digest`);
    return { facts: null, content };
  });
}

/** A task that is over sends nothing: the bundler may call back once more after its end. */
function send(task: RunningTask, message: FromTask): void {
  if (running === task) process.send?.({ taskId: task.taskId, ...message });
}
