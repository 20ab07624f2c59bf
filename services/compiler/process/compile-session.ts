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
  /** The compilation was stopped to make room for others. It can run again, as a slow or long compilation. */
  | { readonly kind: 'evicted'; readonly as: 'slow' | 'long' }
  /** The compiler has a defect, which the same source triggers again. */
  | { readonly kind: 'failed'; readonly defect: Error }
  /** The process died during the compilation, for an unknown reason. */
  | { readonly kind: 'died'; readonly defect: Error }
  /** The process died before the compilation started. */
  | { readonly kind: 'lost'; readonly defect: Error };

export interface SessionOptions {
  /** Time limit until the process reports that the compilation has started. */
  readonly threadStartMs: number;
  readonly timeoutMs: number;
  /** Time limit for all reads together. The other limits exclude this time. */
  readonly readingMs: number;
  /** Called at intervals with the CPU time used so far. Any result other than null stops the compilation. */
  readonly evictAs: (usedMs: number) => 'slow' | 'long' | null;
}

/** Task IDs are unique across all compile processes. */
let lastTaskId = 0;

/**
 * Runs one compilation in a compile process, from the parent's side. Answers its questions, and kills the process at
 * the time limit. The clock starts with the compilation and pauses during reads, because the source does not cause a
 * slow start or a slow store. Reads have their own time limit, because the compilation occupies its process during a read.
 *
 * Throws the errors of `readBlobs`. Also throws when the process does not start in time, when reading takes too long,
 * when a content has a different digest, and when the pool is closed.
 *
 * The process is reused only after a result with no open question and little memory in use. Otherwise it is killed,
 * because it may still contain data of this tenant.
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
      send: (questionId, answer) => send(taken, { taskId, questionId, answer }),
      failed: ended.reject,
      readStarted: clock.readStarted,
      readEnded: clock.readEnded,
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
  const onMessage = (message: FromProcess): void => {
    try {
      handle(message);
    } catch (error) {
      // An invalid message: the process is not reused.
      session.isReusable = false;
      ended.resolve({ kind: 'failed', defect: error as Error });
    }
  };
  const onClose = (): void => {
    const death = deathOf(taken, session.hasStarted);
    if (death) ended.resolve(death);
    else ended.reject(new Error('the compiler was closed'));
  };
  taken.child.on('message', onMessage).once('close', onClose);
  try {
    void send(taken, { taskId, task: taskOf(tree) });
    return await ended.promise;
  } finally {
    questions.end();
    clock.end();
    taken.child.off('message', onMessage).off('close', onClose);
    if (!session.isReusable) taken.child.kill('SIGKILL');
    pool.giveBack(taken);
  }
}

/** Enforces the start limit, then the total limit, and calls `evictAs` at intervals. Reads have their own limit. */
function sessionClock(
  { child }: CompileProcess,
  { threadStartMs, timeoutMs, readingMs, evictAs }: SessionOptions,
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
  /** If the system does not report CPU time, the wall time counts. */
  const usedMs = (): number => {
    const now = usedBefore === null ? null : processorMs(pid);
    if (now === null || usedBefore === null) return wallMs;
    return Math.max(now - usedBefore, wallMs / processLimits.wallPerProcessor);
  };
  // An error instead of a result, because a slow start does not count against the tenant of the source.
  let onTime = (): void => fail(new Error(`the compile process did not start within ${threadStartMs} ms`));
  const clock = stoppableClock(threadStartMs, () => onTime());
  const scheduleCheck = (): void => {
    const stepMs = Math.min(processLimits.checkMs, timeoutMs - wallMs);
    onTime = () => {
      wallMs += stepMs;
      if (wallMs >= timeoutMs) return endWith({ kind: 'exhausted', limit: 'time' });
      const as = evictAs(usedMs());
      if (as === null) scheduleCheck();
      else endWith({ kind: 'evicted', as });
    };
    clock.restart(stepMs);
  };
  const readingClock = stoppableClock(readingMs, () =>
    fail(new Error(`reading the files for a compilation took more than ${readingMs} ms`)),
  );
  readingClock.stop();
  return {
    started: () => {
      usedBefore = processorMs(pid);
      scheduleCheck();
    },
    readStarted: () => {
      clock.stop();
      readingClock.start();
    },
    readEnded: () => {
      readingClock.stop();
      clock.start();
    },
    end: () => {
      clock.end();
      readingClock.end();
    },
  };
}

/**
 * The result for a process that died: at its memory limit, by a defect of the compiler, or by a signal from outside.
 * Null if this process killed it.
 */
function deathOf({ child, stderrText }: CompileProcess, hasStarted: boolean): SessionResult | null {
  if (child.killed) return null;
  const stderr = stderrText();
  const error = new Error(`the compile process died (${child.signalCode ?? child.exitCode}): ${stderr}`);
  if (!hasStarted) return { kind: 'lost', defect: error };
  if (/out of memory|heap limit/i.test(stderr)) return { kind: 'exhausted', limit: 'memory' };
  return { kind: 'died', defect: error };
}

/** Resolves when the process has received the message, or has ended. Its `close` event reports the end. */
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
