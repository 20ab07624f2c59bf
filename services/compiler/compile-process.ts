import { compileSource } from './compile-source.ts';
import type { Ask, FromProcess, Given, ProcessAnswer, ProcessTask, ToProcess } from './compile-protocol.ts';

/**
 * A process of its own that compiles one source after the other. It reads and writes nothing but messages with the process that started
 * it, which may kill it at any moment, and it ends when that one is gone. Where reading fails there, the answer is `failed`, and so is
 * the compilation; the other side knows the reason.
 */
const waiting: ((answer: ProcessAnswer) => void)[] = [];

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToProcess) => {
  if ('task' in message) void compileTask(message.task);
  // Answers come in the order of the questions; there is only one question at a time except while modules are loaded.
  else waiting.shift()?.(message.answer);
});

async function compileTask({ paths, digests, sizes }: ProcessTask): Promise<void> {
  const entries = paths.map((path, index) => ({
    path,
    digest: digests[index] ?? '',
    size: sizes[index] ?? 0,
  }));
  send({ kind: 'started' });
  try {
    send({ kind: 'result', result: await compileSource(entries, ask) });
  } catch (error) {
    if (error instanceof ReadFailed) send({ kind: 'unread' });
    else
      send({
        kind: 'threw',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
  }
  waiting.length = 0;
}

class ReadFailed extends Error {}

const ask: Ask = async (wanted) => {
  if (wanted.length === 0) return [];
  const { promise, resolve } = Promise.withResolvers<ProcessAnswer>();
  waiting.push(resolve);
  send({
    kind: 'question',
    keys: wanted.map(({ key }) => key),
    digests: wanted.map(({ digest }) => digest),
  });
  const answer = await promise;
  if (answer === 'failed') throw new ReadFailed('the other side could not read what was asked for');
  return unpack(answer);
};

function unpack({ facts, ends, arena }: Exclude<ProcessAnswer, 'failed'>): Given[] {
  let start = 0;
  return facts.map((known, index) => {
    const end = ends[index] ?? -1;
    if (known !== null || end < 0) return { facts: known, content: null };
    const content = arena.subarray(start, end);
    start = end;
    return { facts: null, content };
  });
}

function send(message: FromProcess): void {
  process.send?.(message);
}
