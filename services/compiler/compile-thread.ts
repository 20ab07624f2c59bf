import type { MessagePort } from 'node:worker_threads';
import { compileLimits } from '../../core/limits.ts';
import { compileSource } from './compile-source.ts';
import { yieldToOthers } from './thread-priority.ts';
import type { Ask, Given, ThreadAnswer, ThreadResult, ThreadTask } from './thread-protocol.ts';

yieldToOthers(compileLimits.niceness);

/**
 * Runs in a thread of its own: one compilation. Where the main thread fails to read something, the answer is null; the main thread
 * knows the reason. Killed at any moment nothing is left behind, since nothing outside is written.
 */
export async function compileInThread({
  paths,
  digests,
  sizes,
  port,
}: ThreadTask): Promise<ThreadResult | null> {
  const entries = paths.map((path, index) => ({
    path,
    digest: digests[index] ?? '',
    size: sizes[index] ?? 0,
  }));
  port.postMessage('started');
  try {
    return await compileSource(entries, askOver(port));
  } catch (error) {
    if (error instanceof ReadFailed) return null;
    throw error;
  } finally {
    port.close();
  }
}

class ReadFailed extends Error {}

/** Answers come in the order of the questions; there is only one question at a time except while modules are loaded. */
function askOver(port: MessagePort): Ask {
  const waiting: ((answer: ThreadAnswer) => void)[] = [];
  port.on('message', (answer: ThreadAnswer) => waiting.shift()?.(answer));
  return async (wanted) => {
    if (wanted.length === 0) return [];
    const { promise, resolve } = Promise.withResolvers<ThreadAnswer>();
    waiting.push(resolve);
    port.postMessage({ keys: wanted.map(({ key }) => key), digests: wanted.map(({ digest }) => digest) });
    const answer = await promise;
    if (answer === 'failed') throw new ReadFailed('the main thread could not read what was asked for');
    return unpack(answer);
  };
}

function unpack({ facts, ends, arena }: Exclude<ThreadAnswer, 'failed'>): Given[] {
  let start = 0;
  return facts.map((known, index) => {
    const end = ends[index] ?? -1;
    if (known !== null || end < 0) return { facts: known, content: null };
    const content = arena.subarray(start, end);
    start = end;
    return { facts: null, content };
  });
}
