import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { ErrorReply } from 'redis';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { redisLimits, readerLimits } from './limits.ts';
import { openClient, orDestroy, type RedisClient, RedisLostError } from './connection.ts';

/**
 * Two connections to the same Redis server. One is for blocking reads, so that other commands do not wait
 * behind them.
 */
export interface ReaderSession {
  /**
   * The run ID of the server process, which changes at each restart. Null if the server does not report it.
   */
  readonly server: string | null;
  /** Runs commands that block, for at most {@link readerLimits.blockMs}. */
  wait<T>(commands: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Runs commands that respond immediately. */
  ask<T>(commands: (client: RedisClient) => Promise<T>): Promise<T>;
}

interface OpenSession extends ReaderSession {
  close(): void;
}

export interface SessionOptions {
  readonly url: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Yields one session after another until the signal aborts. The caller asks for the next one when its session
 * has failed. The wait before the next session grows as long as sessions fail soon after they were opened.
 * When the signal aborts, the session ends, even during a blocking read.
 */
export async function* readerSessions(
  options: SessionOptions,
): AsyncGenerator<ReaderSession, void, undefined> {
  const { signal, log } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const session = await openSession(options).catch((error: unknown) => {
      log.warn({ err: error, attempt }, 'a reader cannot connect to Redis');
      return null;
    });
    if (session !== null) {
      const began = performance.now();
      try {
        yield session;
      } finally {
        session.close();
      }
      if (performance.now() - began > readerLimits.backoff.maxMs) attempt = 0;
    }
    await pauseUnlessAborted(backoffMs(Math.max(1, attempt), Math.random(), readerLimits.backoff), signal);
  }
}

/** Waits for `ms` milliseconds, or until the signal aborts. Never rejects. */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}

/**
 * Returns whether the error comes from Redis or from the connection. Any other error is a defect in the code.
 */
export function isRedisFailure(error: unknown): boolean {
  return error instanceof ErrorReply || error instanceof RedisLostError;
}

async function openSession({ url, signal }: SessionOptions): Promise<OpenSession> {
  const asking = await openClient(url, redisLimits);
  const waiting = await openClient(url, { silenceMs: readerLimits.silenceMs }).catch((error: unknown) => {
    asking.destroy();
    throw error;
  });
  const stop = (): void => {
    if (waiting.isOpen) waiting.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const ask: ReaderSession['ask'] = (commands) =>
    asLost(orDestroy(asking, redisLimits.commandMs, commands(asking)));
  return {
    server: await ask(serverRun),
    ask,
    wait: (commands) => asLost(orDestroy(waiting, readerLimits.silenceMs, commands(waiting))),
    close: () => {
      signal.removeEventListener('abort', stop);
      stop();
      if (asking.isOpen) asking.destroy();
    },
  };
}

/**
 * Returns the run ID of the server, or null if the server does not report it. The run ID changes at each
 * restart. A restarted server may have lost data, so it counts as a different server.
 */
async function serverRun(client: RedisClient): Promise<string | null> {
  try {
    return /^run_id:([0-9a-f]+)/m.exec(await client.info('server'))?.[1] ?? null;
  } catch (error) {
    if (error instanceof ErrorReply) return null;
    throw error;
  }
}

async function asLost<T>(response: Promise<T>): Promise<T> {
  try {
    return await response;
  } catch (error) {
    if (isRedisFailure(error)) throw error;
    throw new RedisLostError('the connection is lost', { cause: error });
  }
}
