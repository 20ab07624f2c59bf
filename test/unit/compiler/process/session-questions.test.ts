import { expect, test } from 'vitest';

import { digestOf } from '../../../../packages/protocol/digest.ts';
import type { SourceEntry } from '../../../../packages/protocol/releases/source.ts';
import type { ProcessAnswer } from '../../../../services/compiler/process/compile-protocol.ts';
import { sessionQuestions } from '../../../../services/compiler/process/session-questions.ts';

const MiB = 1024 * 1024;

interface Read {
  readonly digests: readonly string[];
  readonly end: () => void;
}

/**
 * Answers a process's questions about files. The content of each file is its path, and its declared size is `size`.
 * The test ends each read.
 */
function questionsOn(paths: readonly string[], size = 10) {
  const contents = new Map(paths.map((path) => [digestOf(path), new TextEncoder().encode(path)]));
  const entries: SourceEntry[] = paths.map((path) => ({ path, digest: digestOf(path), size }));
  const reads: Read[] = [];
  const answers = new Map<number, ProcessAnswer>();
  const failures: unknown[] = [];
  const readEvents: string[] = [];
  const questions = sessionQuestions(
    {
      entries,
      recall: async () => new Map(),
      readBlobs: async (digests) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        reads.push({ digests, end: resolve });
        await promise;
        return contents;
      },
    },
    {
      send: async (questionId, answer) => void answers.set(questionId, answer),
      failed: (error) => failures.push(error),
      readStarted: () => readEvents.push('started'),
      readEnded: () => readEvents.push('ended'),
    },
  );
  const ask = (questionId: number, ...asked: readonly string[]): void =>
    questions.ask({ questionId, keys: asked.map(() => null), digests: asked.map((path) => digestOf(path)) });
  return { questions, ask, reads, answers, failures, readEvents };
}

/** Waits several turns of the event loop. After that, only pending reads can keep the session waiting. */
async function settled(): Promise<void> {
  for (let nth = 0; nth < 200; nth++) await new Promise((resolve) => setImmediate(resolve));
}

const imports = Array.from({ length: 9_000 }, (_, nth) => `f${nth}.ts`);

test('a compilation reads files in one batch at a time, and requests that arrive during a read share the next batch', async () => {
  const { questions, ask, reads, answers, readEvents } = questionsOn(imports);
  ask(0, 'f0.ts');
  await settled();
  for (const [nth, path] of imports.entries()) if (nth > 0) ask(nth, path);
  await settled();
  expect(reads.map(({ digests }) => digests.length)).toEqual([1]);
  reads[0]?.end();
  await settled();
  expect(reads.map(({ digests }) => digests.length)).toEqual([1, 8_999]);
  expect(questions.areOpen()).toBe(true);
  reads[1]?.end();
  await settled();
  expect(answers.size).toBe(9_000);
  expect(new TextDecoder().decode(answers.get(8_999)?.arena)).toBe('f8999.ts');
  expect(questions.areOpen()).toBe(false);
  expect(readEvents).toEqual(['started', 'ended', 'started', 'ended']);
});

test('a file content that many requests of a compilation name is read once', async () => {
  const { ask, reads } = questionsOn(['a', 'b']);
  for (let nth = 0; nth < 70; nth++) ask(nth, 'a');
  ask(70, 'b', 'a', 'b');
  await settled();
  expect(reads.map(({ digests }) => digests)).toEqual([[digestOf('a'), digestOf('b')]]);
});

test('the files of a large source are read in several batches', async () => {
  const files = ['a', 'b', 'c', 'd', 'e'];
  const { ask, reads, answers } = questionsOn(files, 2 * MiB);
  ask(1, ...files);
  for (let nth = 0; nth < 3; nth++) {
    await settled();
    expect(reads).toHaveLength(nth + 1);
    reads[nth]?.end();
  }
  await settled();
  expect(reads.map(({ digests }) => digests.length)).toEqual([2, 2, 1]);
  expect(new TextDecoder().decode(answers.get(1)?.arena)).toBe('abcde');
});

test('after the end of a compilation, its session reads no further batch and sends no contents', async () => {
  const { questions, ask, reads, answers, readEvents } = questionsOn(['a', 'b', 'c'], 4 * MiB);
  ask(1, 'a', 'b');
  await settled();
  ask(2, 'c');
  questions.end();
  ask(3, 'c');
  reads[0]?.end();
  await settled();
  expect(reads).toHaveLength(1);
  expect(answers.size).toBe(0);
  expect(readEvents).toEqual(['started', 'ended']);
});

test('a compilation that ends before its first read reads no files', async () => {
  const { questions, ask, reads } = questionsOn(['a']);
  ask(1, 'a');
  questions.end();
  await settled();
  expect(reads).toHaveLength(0);
});

test('a request for a content outside the source throws, and that content is not read', async () => {
  const { ask, reads, failures } = questionsOn(['a']);
  expect(() => ask(1, 'a', 'of another source')).toThrow('not in the source');
  await settled();
  expect(reads).toHaveLength(0);
  expect(failures).toEqual([]);
});

test('contents are sent only after the compile process has received the previous ones', async () => {
  const contents = new Map([[digestOf('a'), new TextEncoder().encode('a')]]);
  const received: (() => void)[] = [];
  const questions = sessionQuestions(
    {
      entries: [{ path: 'a', digest: digestOf('a'), size: 1 }],
      recall: async () => new Map(),
      readBlobs: async () => contents,
    },
    {
      send: () => new Promise((resolve) => received.push(resolve)),
      failed: () => undefined,
      readStarted: () => undefined,
      readEnded: () => undefined,
    },
  );
  for (let nth = 0; nth < 3; nth++)
    questions.ask({ questionId: nth, keys: [null], digests: [digestOf('a')] });
  for (let sent = 1; sent <= 3; sent++) {
    await settled();
    expect(received).toHaveLength(sent);
    received[sent - 1]?.();
  }
});
