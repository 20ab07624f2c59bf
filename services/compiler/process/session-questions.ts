import { setImmediate } from 'node:timers/promises';

import { z } from 'zod';

import { sourceLimits } from '@pointsman/protocol/limits';
import type { SourceEntry } from '@pointsman/protocol/releases/source';
import { processLimits } from '../limits.ts';
import { answerTo, contentOf, neededFor, recalled, type ReadBlobs, type Recall } from './answer-question.ts';
import type { ProcessAnswer, Question } from './compile-protocol.ts';

/** What the questions of a compilation are answered from. */
export interface QuestionSources {
  readonly entries: readonly SourceEntry[];
  readonly readBlobs: ReadBlobs;
  readonly recall: Recall;
}

export interface QuestionEvents {
  /** Sends an answer. Resolves when the process has received it, or has ended. */
  readonly answered: (questionId: number, answer: ProcessAnswer) => Promise<void>;
  /** Why no further question is answered. */
  readonly failed: (error: unknown) => void;
  /** Called before contents are read, and after that. */
  readonly reading: () => void;
  readonly resting: () => void;
}

export interface SessionQuestions {
  /** Throws for a question that the compiler never asks: of another form, for what is not in the source, or one too many. */
  readonly ask: (question: Question) => void;
  /** Whether a question has no answer yet. */
  readonly areOpen: () => boolean;
  /** Nothing is read or answered after this. A read that is under way ends by itself, and its contents are dropped. */
  readonly end: () => void;
}

/**
 * Answers the questions of one compilation. The bundler asks for thousands of imports at once. One read at a time runs for them, so that a
 * source takes one connection to the store at most. What is asked meanwhile is read together after that. An answer is sent when the process has
 * received the one before, so that one that does not read holds the memory of one answer.
 */
export function sessionQuestions(
  { entries, readBlobs, recall }: QuestionSources,
  { answered, failed, reading, resting }: QuestionEvents,
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
  const answerRound = async (): Promise<void> => {
    // Those of the same turn of the event loop are answered together.
    await setImmediate();
    const round = waiting.map((question) => recalled(question, recall));
    waiting = [];
    reading();
    const contents = await readAll(new Set(round.flatMap(neededFor))).finally(resting);
    for (const one of round) {
      if (state.isOver) return;
      state.open--;
      await answered(one.question.questionId, answerTo(one, contents));
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
      if (unknown !== undefined) throw new Error(`${unknown} was asked for, which is not in the source`);
      if (++state.open > processLimits.openQuestions)
        throw new Error('the compile process asked too much at once');
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

/** Between two batches the reads of other tenants get their turn, also where there is only one connection. */
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
  .refine(({ keys, digests }) => keys.length === digests.length, 'the lists have two lengths');

function questionIn(message: Question): Question {
  const { success, data } = Asked.safeParse(message);
  if (!success) throw new Error('the compile process sent an invalid question');
  return data;
}
