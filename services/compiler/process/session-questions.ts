import { setImmediate } from 'node:timers/promises';

import type { SourceEntry } from '../../../core/releases/source.ts';
import { processLimits } from '../limits.ts';
import { answerTo, contentOf, neededFor, recalled } from './answer-question.ts';
import type { ReadBlobs, Recall } from './answer-question.ts';
import type { ProcessAnswer, Question } from './compile-protocol.ts';

/** What the questions of a compilation are answered from. */
export interface QuestionSources {
  readonly entries: readonly SourceEntry[];
  readonly readBlobs: ReadBlobs;
  readonly recall: Recall;
}

export interface QuestionEvents {
  readonly answered: (questionId: number, answer: ProcessAnswer) => void;
  /** Why no further question is answered. */
  readonly failed: (error: unknown) => void;
  /** Called when answering begins. `resting` is called when all questions are answered. */
  readonly reading: () => void;
  readonly resting: () => void;
}

export interface SessionQuestions {
  readonly ask: (question: Question) => void;
  /** Whether a question has no answer yet. */
  readonly areOpen: () => boolean;
  /** Nothing is read or answered after this. A read that is under way ends by itself, and its contents are dropped. */
  readonly end: () => void;
}

/**
 * Answers the questions of one compilation. The bundler asks for thousands of imports at once. One read at a time runs for them, so that a
 * source takes one connection to the store at most. What is asked meanwhile is read together after that.
 */
export function sessionQuestions(
  { entries, readBlobs, recall }: QuestionSources,
  { answered, failed, reading, resting }: QuestionEvents,
): SessionQuestions {
  const sizes = new Map(entries.map(({ digest, size }) => [digest, size]));
  const state = { open: 0, isReading: false, isOver: false };
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
    const contents = await readAll(new Set(round.flatMap(neededFor)));
    for (const [nth, one] of round.entries()) {
      if (state.isOver) return;
      answered(one.question.questionId, answerTo(one, contents));
      state.open--;
      if (nth % processLimits.answersAtOnce === processLimits.answersAtOnce - 1) await setImmediate();
    }
  };
  const answerAll = async (): Promise<void> => {
    state.isReading = true;
    reading();
    try {
      while (waiting.length > 0 && !state.isOver) await answerRound();
    } catch (error) {
      state.isOver = true;
      failed(error);
    } finally {
      state.isReading = false;
      resting();
    }
  };
  return {
    ask: (question) => {
      state.open++;
      waiting.push(question);
      if (!state.isReading && !state.isOver) void answerAll();
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
    const size = sizes.get(digest);
    if (size === undefined) throw new Error(`${digest} was asked for, which is not in the source`);
    bytes += size;
    if (bytes > processLimits.readBytes) {
      batches.push([]);
      bytes = size;
    }
    batches.at(-1)?.push(digest);
  }
  return batches;
}
