import { artifactLimits } from '@pointsman/protocol/limits';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import type { ReadBlobs, Recall } from './answer-question.ts';
import { processLimits } from '../limits.ts';
import { processorMs } from './processor-time.ts';
import type { CompilePool, CompileProcess } from './compile-pool.ts';
import { compilerUnavailable } from './compiler-unavailable.ts';
import type { FromProcess, FromTask, ToProcess } from './compile-protocol.ts';
import { receivedParts, type ReceivedResult } from './received-result.ts';
import { sessionQuestions } from './session-questions.ts';
import { stoppableClock } from './stoppable-clock.ts';

export type SessionResult =
  | ReceivedResult
  | { readonly kind: 'exhausted'; readonly limit: 'time' | 'memory' }
  /**
   * The compilation was stopped, because another compilation needs its process or its slot. It can be started again
   * as a slow or a long compilation.
   */
  | { readonly kind: 'evicted'; readonly as: 'slow' | 'long' }
  /** The compiler has a bug that this source triggers. Another attempt would fail in the same way. */
  | { readonly kind: 'failed'; readonly defect: Error }
  /** The compile process died during the compilation for an unknown reason. */
  | { readonly kind: 'died'; readonly defect: Error }
  /** The compile process died before the compilation started. */
  | { readonly kind: 'lost'; readonly defect: Error };

export interface SessionOptions {
  /** The maximum time until the compile process reports that the compilation has started. */
  readonly threadStartMs: number;
  readonly timeoutMs: number;
  /** The maximum time for all reads of one compilation together. `timeoutMs` excludes this time. */
  readonly readingMs: number;
  /**
   * A function that the session calls at intervals, with the CPU time that the compilation has used. If it returns
   * `slow` or `long`, the compilation is stopped.
   */
  readonly evictAs: (usedMs: number) => 'slow' | 'long' | null;
}

/** The ID of the last task. IDs are assigned across all compile processes of this parent, so each ID is used once. */
let lastTaskId = 0;

/**
 * Runs one compilation in a compile process. This function runs in the parent process. It answers the questions
 * (requests for files) of the compile process, and kills the compile process at the time limit.
 *
 * The time limit applies from the start of the compilation and excludes reads, because the source does not cause a
 * slow start or a slow database. Reads have a separate time limit, because the process is occupied during a read.
 *
 * The promise rejects in the following cases:
 *
 * - `readBlobs` throws;
 * - the process does not start in time;
 * - the reads take too long;
 * - a content has a wrong digest;
 * - the pool is closed.
 *
 * The process is reused only after a complete result, if all questions are answered and little memory is in use.
 * Otherwise it is killed, because it may still contain data of this tenant.
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
  const handle = (message: FromTask): void => {
    if (message.kind === 'started') {
      if (session.hasStarted) throw new Error('the compile process started twice');
      session.hasStarted = true;
      pool.started(taken);
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
      if (message.taskId !== taskId) return;
      for (const part of message.parts) handle(part);
    } catch (error) {
      // The process has sent an invalid message, so it must not be used again.
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

/**
 * Enforces three time limits: for the start, for the compilation, and for all reads together. During a compilation it
 * calls `evictAs` at intervals.
 */
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
  /**
   * Returns the CPU time that the compilation has used. If the system does not report CPU times, returns the wall
   * time.
   */
  const usedMs = (): number => {
    const now = usedBefore === null ? null : processorMs(pid);
    if (now === null || usedBefore === null) return wallMs;
    return Math.max(now - usedBefore, wallMs / processLimits.wallPerProcessor);
  };
  // A slow start is an error and not an `exhausted` result, because the tenant of the source does not cause it.
  let onTime = (): void =>
    fail(compilerUnavailable(new Error(`the compile process did not start within ${threadStartMs} ms`)));
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
    fail(
      compilerUnavailable(new Error(`reading the files for a compilation took more than ${readingMs} ms`)),
    ),
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
 * Returns the result for a compile process that has exited. Possible causes are its memory limit, a bug in the
 * compiler, and a signal from outside. Returns null if the parent killed the process.
 */
function deathOf({ child, stderrText }: CompileProcess, hasStarted: boolean): SessionResult | null {
  if (child.killed) return null;
  const stderr = stderrText();
  const error = new Error(`the compile process died (${child.signalCode ?? child.exitCode}): ${stderr}`);
  if (!hasStarted) return { kind: 'lost', defect: error };
  if (/out of memory|heap limit/i.test(stderr)) return { kind: 'exhausted', limit: 'memory' };
  return { kind: 'died', defect: error };
}

/**
 * Sends a message. Resolves when the message is written, or when the process has exited. An error is ignored, because
 * the session handles the `close` event of the process.
 */
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
