import { setImmediate } from 'node:timers/promises';

import { z } from 'zod';

import { sourceLimits } from '@pointsman/protocol/limits';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { processLimits } from '../limits.ts';
import { answerTo, contentOf, keysOf, neededFor, withFacts } from './answer-question.ts';
import type { ReadBlobs, Recall } from './answer-question.ts';
import type { ProcessAnswer, Question } from './compile-protocol.ts';

/** The data from which questions are answered. A question is a request for files by a compile process. */
export interface QuestionSources {
  readonly entries: readonly SourceEntry[];
  readonly readBlobs: ReadBlobs;
  readonly recall: Recall;
}

export interface QuestionEvents {
  /** Sends an answer. Resolves when the answer is written, or when the process has exited. */
  readonly send: (questionId: number, answer: ProcessAnswer) => Promise<void>;
  /** Called when a read fails. Later questions are not answered. */
  readonly failed: (error: unknown) => void;
  /** Called immediately before contents are read. `readEnded` is called after the read. */
  readonly readStarted: () => void;
  readonly readEnded: () => void;
}

export interface SessionQuestions {
  /**
   * Accepts a question and answers it later. Throws if the question is malformed, requests a file outside the source,
   * or exceeds the maximum number of open questions.
   */
  readonly ask: (question: Question) => void;
  /** Whether any question has no answer yet. */
  readonly areOpen: () => boolean;
  /** Stops reading and answering. If a read is running, its contents are discarded. */
  readonly end: () => void;
}

/**
 * Answers the questions (requests for files) of one compilation. The bundler requests thousands of imports at about
 * the same time. Only one read runs at a time, so that a compilation uses at most one database connection. Questions
 * that arrive during a read are answered together by the next read.
 *
 * An answer is sent only after the previous answer is written. If the compile process stops receiving, at most one
 * answer is therefore in the send buffer.
 */
export function sessionQuestions(
  { entries, readBlobs, recall }: QuestionSources,
  { send, failed, readStarted, readEnded }: QuestionEvents,
): SessionQuestions {
  const sizes = new Map(entries.map(({ digest, size }) => [digest, size]));
  const state = { open: 0, isAnswering: false, isOver: false };
  let waiting: Question[] = [];

  const readAll = async (digests: ReadonlySet<string>): Promise<Map<string, Uint8Array>> => {
    const contents = new Map<string, Uint8Array>();
    for (const batch of batchesOf(digests, sizes)) {
      if (state.isOver) break;
      const read = await readBlobs(batch);
      for (const digest of batch) contents.set(digest, contentOf(read, digest));
    }
    return contents;
  };
  const read = async (questions: readonly Question[]) => {
    const keys = keysOf(questions);
    const known = keys.length === 0 ? new Map<string, string>() : await recall(keys);
    const round = questions.map((question) => withFacts(question, known));
    return { round, contents: await readAll(new Set(round.flatMap(neededFor))) };
  };
  const answerRound = async (): Promise<void> => {
    // Waits for the other messages of this turn of the event loop, so that one read serves all their questions.
    await setImmediate();
    const questions = waiting;
    waiting = [];
    readStarted();
    const { round, contents } = await read(questions).finally(readEnded);
    for (const one of round) {
      if (state.isOver) return;
      state.open--;
      await send(one.question.questionId, answerTo(one, contents));
    }
  };
  const answerAll = async (): Promise<void> => {
    state.isAnswering = true;
    try {
      while (waiting.length > 0 && !state.isOver) await answerRound();
    } catch (error) {
      state.isOver = true;
      failed(error);
    } finally {
      state.isAnswering = false;
    }
  };
  return {
    ask: (message) => {
      const question = questionIn(message);
      const unknown = question.digests.find((digest) => !sizes.has(digest));
      if (unknown !== undefined) throw new Error(`the requested blob ${unknown} is not in the source`);
      if (++state.open > processLimits.openQuestions)
        throw new Error('the compile process has too many open questions');
      waiting.push(question);
      if (!state.isAnswering && !state.isOver) void answerAll();
    },
    areOpen: () => state.open > 0,
    end: () => {
      state.isOver = true;
      waiting = [];
    },
  };
}

/**
 * Splits a read into batches of at most `processLimits.readBytes`. Even with a single database connection, other
 * tenants can then read between two batches.
 */
function batchesOf(digests: ReadonlySet<string>, sizes: ReadonlyMap<string, number>): string[][] {
  const batches: string[][] = [];
  let bytes = Infinity;
  for (const digest of digests) {
    const size = sizes.get(digest) ?? 0;
    bytes += size;
    if (bytes > processLimits.readBytes) {
      batches.push([]);
      bytes = size;
    }
    batches.at(-1)?.push(digest);
  }
  return batches;
}

const Asked = z
  .object({
    questionId: z.number(),
    keys: z.array(z.string().nullable()).max(sourceLimits.files),
    digests: z.array(z.string()).max(sourceLimits.files),
  })
  .refine(({ keys, digests }) => keys.length === digests.length, 'the lists differ in length');

function questionIn(message: Question): Question {
  const { success, data } = Asked.safeParse(message);
  if (!success) throw new Error('the compile process sent an invalid question');
  return data;
}
