import { artifactLimits } from '@pointsman/protocol/limits';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import type { ReadBlobs, Recall } from './answer-question.ts';
import { processLimits } from '../limits.ts';
import { processorMs } from './processor-time.ts';
import type { CompilePool, CompileProcess } from './compile-pool.ts';
import type { FromProcess, ToProcess } from './compile-protocol.ts';
import { receivedParts, type ReceivedResult } from './received-result.ts';
import { sessionQuestions } from './session-questions.ts';
import { stoppableClock } from './stoppable-clock.ts';

export type SessionResult =
  | ReceivedResult
  | { readonly kind: 'exhausted'; readonly limit: 'time' | 'memory' }
  /** It took so long that it had to make room. It may be tried again as what it turned out to be. */
  | { readonly kind: 'evicted'; readonly as: 'slow' | 'long' }
  /** A mistake of the compiler, which the same source meets again. */
  | { readonly kind: 'failed'; readonly defect: Error }
  /** The process died in the middle, for whatever reason. */
  | { readonly kind: 'died'; readonly defect: Error }
  /** The process had died before it began. */
  | { readonly kind: 'lost'; readonly defect: Error };

export interface SessionOptions {
  /** Until the process says that it has begun. */
  readonly threadStartMs: number;
  readonly timeoutMs: number;
  /** For everything that is read for it. The other bounds do not count this time. */
  readonly readingMs: number;
  /** Asked now and then with the processor time used so far: whether the compilation must make room, and as what. */
  readonly mustLeave: (usedMs: number) => 'slow' | 'long' | null;
}

/** One number for each task of this program, so that no two tasks of a process have the same. */
let lastTaskId = 0;

/**
 * One compilation in one process, seen from the other side: answers its questions, and ends the process when its time is over. The
 * clock starts when the process does and stands still while something is read for it, since neither a process that must be replaced
 * first nor a slow store is the source's fault. Reading has a bound of its own, since a compilation keeps its place meanwhile.
 *
 * Throws what `readBlobs` throws. Also throws when the process does not start in time, when reading takes too long, when a content has
 * another digest, and when the pool is closed.
 *
 * A process is used again only after a result that leaves no question open and little memory taken. Otherwise it is killed: what it still
 * does or holds, and what is still read for it, belongs to this tenant.
 */
export async function runSession(
  pool: CompilePool,
  tree: SourceTree,
  readBlobs: ReadBlobs,
  recall: Recall,
  options: SessionOptions,
): Promise<SessionResult> {
  const taken = pool.take();
  const taskId = ++lastTaskId;
  const ended = Promise.withResolvers<SessionResult>();
  const clock = sessionClock(taken, options, ended.resolve, ended.reject);
  const received = receivedParts(artifactLimits.madeBytes);
  const session = { hasStarted: false, isReusable: false };
  const questions = sessionQuestions(
    { entries: tree.entries, readBlobs, recall },
    {
      answered: (questionId, answer) => send(taken, { taskId, questionId, answer }),
      failed: ended.reject,
      reading: clock.reading,
      resting: clock.resting,
    },
  );
  const handle = (message: FromProcess): void => {
    if (message.taskId !== taskId) return;
    if (message.kind === 'started') {
      if (session.hasStarted) throw new Error('the compile process started twice');
      session.hasStarted = true;
      clock.started();
    } else if (message.kind === 'question') questions.ask(message);
    else if (message.kind === 'threw') {
      const error = new Error(message.message);
      if (message.ofCompiler) ended.resolve({ kind: 'failed', defect: error });
      else ended.reject(error);
    } else if (message.kind === 'end') {
      ended.resolve(received.result());
      session.isReusable = !questions.areOpen() && !message.isSpent;
    } else received.add(message);
  };
  const hear = (message: FromProcess): void => {
    try {
      handle(message);
    } catch (error) {
      // An invalid message. Its process is not used again.
      session.isReusable = false;
      ended.resolve({ kind: 'failed', defect: error as Error });
    }
  };
  const died = (): void => {
    const death = deathOf(taken, session.hasStarted);
    if (death) ended.resolve(death);
    else ended.reject(new Error('the compiler was closed'));
  };
  taken.child.on('message', hear).once('close', died);
  try {
    void send(taken, { taskId, task: taskOf(tree) });
    return await ended.promise;
  } finally {
    questions.end();
    clock.end();
    taken.child.off('message', hear).off('close', died);
    if (!session.isReusable) taken.child.kill('SIGKILL');
    pool.giveBack(taken);
  }
}

/** Enforces the time to start, then the total time, and checks the used time periodically. Reading has its own limit. */
function sessionClock(
  { child }: CompileProcess,
  { threadStartMs, timeoutMs, readingMs, mustLeave }: SessionOptions,
  end: (result: SessionResult) => void,
  fail: (error: Error) => void,
) {
  const endWith = (result: SessionResult): void => {
    child.kill('SIGKILL');
    end(result);
  };
  const pid = child.pid ?? 0;
  let usedBefore: number | null = null;
  let wallMs = 0;
  /** Where processor time cannot be read, all of the wall time counts. */
  const usedMs = (): number => {
    const now = usedBefore === null ? null : processorMs(pid);
    if (now === null || usedBefore === null) return wallMs;
    return Math.max(now - usedBefore, wallMs / processLimits.wallPerProcessor);
  };
  // The source has not been looked at yet, so nothing of this is counted against its tenant.
  let onTime = (): void => fail(new Error(`the compile process did not start within ${threadStartMs} ms`));
  const clock = stoppableClock(threadStartMs, () => onTime());
  const goOn = (): void => {
    const stepMs = Math.min(processLimits.lookMs, timeoutMs - wallMs);
    onTime = () => {
      wallMs += stepMs;
      if (wallMs >= timeoutMs) return endWith({ kind: 'exhausted', limit: 'time' });
      const as = mustLeave(usedMs());
      if (as === null) goOn();
      else endWith({ kind: 'evicted', as });
    };
    clock.restart(stepMs);
  };
  const readingClock = stoppableClock(readingMs, () =>
    fail(new Error(`reading what a compilation needs took more than ${readingMs} ms`)),
  );
  readingClock.stop();
  return {
    started: () => {
      usedBefore = processorMs(pid);
      goOn();
    },
    reading: () => {
      clock.stop();
      readingClock.start();
    },
    resting: () => {
      readingClock.stop();
      clock.start();
    },
    end: () => {
      clock.end();
      readingClock.end();
    },
  };
}

/** A process that has died by itself has met its bound of memory, a mistake of ours, or somebody outside. Null when it was closed. */
function deathOf({ child, lastWords }: CompileProcess, hasStarted: boolean): SessionResult | null {
  if (child.killed) return null;
  const words = lastWords();
  const error = new Error(`the compile process was ended (${child.signalCode ?? child.exitCode}): ${words}`);
  if (!hasStarted) return { kind: 'lost', defect: error };
  if (/out of memory|heap limit/i.test(words)) return { kind: 'exhausted', limit: 'memory' };
  return { kind: 'died', defect: error };
}

/** Resolves when the process has received the message. Also resolves when it has ended, which its `close` event reports. */
function send({ child }: CompileProcess, message: ToProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.connected) child.send(message, () => resolve());
    else resolve();
  });
}

function taskOf({ entries }: SourceTree) {
  return {
    paths: entries.map((entry) => entry.path),
    digests: entries.map((entry) => entry.digest),
    sizes: entries.map((entry) => entry.size),
  };
}
