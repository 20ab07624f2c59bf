import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { ErrorReply } from 'redis';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { redisLimits, readerLimits } from './limits.ts';
import { openClient, orDestroy, type RedisClient, RedisLostError } from './connection.ts';

/** Two connections to one Redis, so that commands don't wait behind a blocking read. */
export interface ReaderSession {
  /** Identifies the server process from its start to its end. Null if the server does not report it. */
  readonly server: string | null;
  /** Runs blocking reads, of at most `readerLimits.blockMs`. */
  wait<T>(commands: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Runs commands with an immediate response. */
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
 * Yields one session after the other until the signal aborts. The next one starts when the caller, whose
 * session has failed, asks for it. The waits between sessions grow while they fail immediately. A session ends
 * with the signal, even during a read.
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

/** Waits for the time, or until the signal aborts. */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}

/** Returns whether the error comes from Redis or its connection, and not from a defect in the code. */
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
 * Returns the run ID of the server. It changes with each start, so that a restarted server, which may have
 * lost data, counts as a different server.
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
