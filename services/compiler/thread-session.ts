import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { compileLimits } from '../../core/limits.ts';
import type { SourceTree } from '../../core/source.ts';
import type { ThreadAnswer, ThreadResult, ThreadTask } from './thread-protocol.ts';

export type ReadBlobs = (digests: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/** A compilation that remembers: what a key stands for, or undefined. */
export type Recall = (key: string) => string | undefined;

export type SessionResult = ThreadResult | { readonly kind: 'exhausted'; readonly limit: 'time' | 'memory' };

/**
 * One compilation in one thread, from the main thread's side: answers its questions, and ends the thread when its time is over. The
 * clock starts when the thread does and stands still while something is read for it, since neither a thread that must be replaced
 * first nor a slow store is the source's fault. Throws what `readBlobs` throws.
 */
export async function runSession(
  pool: Piscina,
  tree: SourceTree,
  readBlobs: ReadBlobs,
  recall: Recall,
  timeoutMs: number,
): Promise<SessionResult> {
  const { port1, port2 } = new MessageChannel();
  const killer = new AbortController();
  const clock = stoppableClock(compileLimits.threadStartMs, () => killer.abort());
  const readErrors: Error[] = [];
  port1.on('message', (question: Question | 'started') => {
    if (question === 'started') {
      clock.restart(timeoutMs);
      return;
    }
    clock.stop();
    answer(port1, question, readBlobs, recall)
      .catch((error: unknown) => {
        readErrors.push(error instanceof Error ? error : new Error('reading failed', { cause: error }));
        port1.postMessage('failed' satisfies ThreadAnswer);
      })
      .finally(() => clock.start());
  });
  try {
    const result = (await pool.run(taskOf(tree, port2), {
      transferList: [port2],
      signal: killer.signal,
    })) as ThreadResult | null;
    if (result) return result;
    throw readErrors[0] ?? new Error('the thread ended without a result');
  } catch (error) {
    if (killer.signal.aborted) return { kind: 'exhausted', limit: 'time' };
    if (isOutOfMemory(error)) return { kind: 'exhausted', limit: 'memory' };
    throw error;
  } finally {
    clock.end();
    port1.close();
  }
}

interface Question {
  readonly keys: readonly (string | null)[];
  readonly digests: readonly string[];
}

function taskOf({ entries }: SourceTree, port: MessagePort): ThreadTask {
  return {
    paths: entries.map((entry) => entry.path),
    digests: entries.map((entry) => entry.digest),
    sizes: entries.map((entry) => entry.size),
    port,
  };
}

async function answer(
  port: MessagePort,
  { keys, digests }: Question,
  readBlobs: ReadBlobs,
  recall: Recall,
): Promise<void> {
  const facts = keys.map((key) => (key === null ? null : (recall(key) ?? null)));
  const missing = digests.filter((_, index) => facts[index] === null);
  const blobs = missing.length === 0 ? new Map<string, Uint8Array>() : await readBlobs([...new Set(missing)]);
  // One buffer, copied once and then handed over: what readBlobs gives may be part of somebody's larger buffer.
  const arena = new Uint8Array(missing.reduce((sum, digest) => sum + contentOf(blobs, digest).byteLength, 0));
  let end = 0;
  const ends = digests.map((digest, index) => {
    if (facts[index] !== null) return -1;
    const content = contentOf(blobs, digest);
    arena.set(content, end);
    end += content.byteLength;
    return end;
  });
  port.postMessage({ facts, ends, arena } satisfies ThreadAnswer, [arena.buffer]);
}

function contentOf(blobs: ReadonlyMap<string, Uint8Array>, digest: string): Uint8Array {
  const content = blobs.get(digest);
  if (!content) throw new Error(`the store has no blob ${digest}`);
  return content;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

interface StoppableClock {
  readonly stop: () => void;
  readonly start: () => void;
  /** Forgets what has run and starts with another time. */
  readonly restart: (runMs: number) => void;
  readonly end: () => void;
}

/** Calls back when it has run for so long, not counting the times when it was stopped. Stops nest. */
function stoppableClock(runMs: number, onEnd: () => void): StoppableClock {
  let leftMs = runMs;
  let startedAt = performance.now();
  let stops = 0;
  let ended = false;
  let timer = setTimeout(onEnd, leftMs);
  return {
    stop: () => {
      if (stops++ > 0) return;
      clearTimeout(timer);
      leftMs -= performance.now() - startedAt;
    },
    start: () => {
      if (--stops > 0 || ended) return;
      startedAt = performance.now();
      timer = setTimeout(onEnd, Math.max(0, leftMs));
    },
    restart: (newRunMs) => {
      clearTimeout(timer);
      leftMs = newRunMs;
      startedAt = performance.now();
      if (stops === 0 && !ended) timer = setTimeout(onEnd, leftMs);
    },
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
