import type { ProcessAnswer, Question } from './compile-protocol.ts';

export type ReadBlobs = (digests: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/** Returns the facts (the data about compiled files) that the cache stores under these keys, by key. */
export type Recall = (keys: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/** A question of a compile process (a request for files), with the cached facts for its keys. */
export interface QuestionWithFacts {
  readonly question: Question;
  readonly facts: readonly (string | null)[];
}

export function withFacts(question: Question, known: ReadonlyMap<string, string>): QuestionWithFacts {
  return { question, facts: question.keys.map((key) => (key === null ? null : (known.get(key) ?? null))) };
}

/** Returns the distinct keys of the questions. */
export function keysOf(questions: readonly Question[]): string[] {
  return [...new Set(questions.flatMap(({ keys }) => keys.filter((key) => key !== null)))];
}

/**
 * Returns the distinct digests of the requested files for which no facts are cached. The contents of these files must
 * be sent.
 */
export function neededFor({ question, facts }: QuestionWithFacts): readonly string[] {
  return [...new Set(question.digests.filter((_, index) => facts[index] === null))];
}

/**
 * Creates the answer to a question. `contents` must include all contents that `neededFor` returns. A content that is
 * requested several times is included once, so an answer is never larger than the source.
 */
export function answerTo(of: QuestionWithFacts, contents: ReadonlyMap<string, Uint8Array>): ProcessAnswer {
  const { question, facts } = of;
  const digests = neededFor(of);
  const nth = new Map(digests.map((digest, index) => [digest, index]));
  // All contents are copied into one buffer, because sending thousands of small buffers is slow.
  const arena = new Uint8Array(
    digests.reduce((sum, digest) => sum + contentOf(contents, digest).byteLength, 0),
  );
  let end = 0;
  const ends = digests.map((digest) => {
    const content = contentOf(contents, digest);
    arena.set(content, end);
    end += content.byteLength;
    return end;
  });
  return {
    facts,
    contents: question.digests.map((digest, index) => (facts[index] === null ? (nth.get(digest) ?? -1) : -1)),
    digests,
    ends,
    arena,
  };
}

export function contentOf(contents: ReadonlyMap<string, Uint8Array>, digest: string): Uint8Array {
  const content = contents.get(digest);
  if (!content) throw new Error(`the store has no blob ${digest}`);
  return content;
}
