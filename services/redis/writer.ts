import type { Logger } from 'pino';
import { createClient, ErrorReply } from 'redis';

import { reconnecting } from '../connections/reconnecting.ts';
import { redisLimits } from './limits.ts';

/** A connection to Redis for commands that are answered at once, never for one that blocks. */
export interface RedisWriter {
  /**
   * Runs those commands, on a new connection if there is none. Rejects with Redis' own `ErrorReply` when it said no, and with
   * {@link RedisLostError} when it is away or does not answer within the limits: they may have been done or not.
   */
  run<T>(correlationId: string, commands: (client: RedisClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export type RedisClient = ReturnType<typeof newClient>;

/** Nobody knows whether it was done. */
export class RedisLostError extends Error {
  override name = 'RedisLostError';
}

/**
 * Connects when there is something to do, and again at the next command after the connection was lost. The client's own queue for commands
 * while it is away is off, and so is its reconnecting: whoever asks can wait durably, and we can't.
 */
export function redisWriter({ url, log }: { url: string; log: Logger }): RedisWriter {
  const connection = reconnecting(async () => keptOpen(await openClient(url, redisLimits)));
  let closed = false;
  let inFlight = 0;

  // A message of the client's may name hosts and users, which are nobody's business but the operator's.
  const lost = (error: unknown, correlationId: string): RedisLostError => {
    log.warn({ err: error, correlationId }, 'Redis can not be reached');
    return new RedisLostError('it can not be reached', { cause: error });
  };
  const run = async <T>(correlationId: string, commands: (client: RedisClient) => Promise<T>): Promise<T> => {
    const { client } = await connection.current().catch((error: unknown) => {
      throw closed ? new RedisLostError('the connection is closed') : lost(error, correlationId);
    });
    try {
      return await orDestroy(client, redisLimits.commandMs, commands(client));
    } catch (error) {
      throw error instanceof ErrorReply ? error : lost(error, correlationId);
    }
  };

  return {
    run: async (correlationId, commands) => {
      if (closed) throw new RedisLostError('the connection is closed');
      if (inFlight >= redisLimits.inFlight)
        throw new RedisLostError('too many commands wait for their answer');
      inFlight++;
      try {
        return await run(correlationId, commands);
      } finally {
        inFlight--;
      }
    },
    close: async () => {
      closed = true;
      await connection.close();
    },
  };
}

function keptOpen(client: RedisClient) {
  return {
    client,
    isOver: () => !client.isReady,
    close: async () => {
      if (client.isOpen) await orDestroy(client, redisLimits.closeMs, client.close()).catch(() => null);
    },
  };
}

/** A connection that is closed when nothing came over it for so long, and never opens itself again. */
export async function openClient(
  url: string,
  { silenceMs, pingMs }: { silenceMs: number; pingMs?: number },
): Promise<RedisClient> {
  const client = newClient(url, silenceMs, pingMs);
  // An error without a listener would end the process. What it ends is told to whoever waits.
  client.on('error', () => undefined);
  return orDestroy(client, redisLimits.connectMs, client.connect());
}

function newClient(url: string, silenceMs: number, pingMs: number | undefined) {
  return createClient({
    url,
    name: 'pointsman',
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    ...(pingMs === undefined ? {} : { pingInterval: pingMs }),
    socket: {
      connectTimeout: redisLimits.connectMs,
      socketTimeout: silenceMs,
      reconnectStrategy: false,
    },
  });
}

/**
 * The answer, or, when there is none in time, an end to the connection: by itself the client waits for ever, and the timeout that it has
 * for commands does not cover one that is written. What else waits on the connection waits for the same silent peer, and ends with it.
 */
export async function orDestroy<T>(client: RedisClient, withinMs: number, answer: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new RedisLostError('no answer in time'));
    if (client.isOpen) client.destroy();
  }, withinMs);
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
