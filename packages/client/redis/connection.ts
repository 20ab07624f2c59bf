import { deferred } from '@pointsman/protocol/calls/deferred';
import type { Log } from '../log.ts';
import { createClient, ErrorReply } from 'redis';

import { reconnecting } from '@pointsman/protocol/calls/reconnecting';
import { redisLimits } from './limits.ts';

/** A connection to Redis for commands with an immediate response, never for a blocking one. */
export interface RedisWriter {
  /**
   * Runs the commands, on a new connection if none is open. Rejects with Redis's `ErrorReply` if Redis
   * rejects a command. Rejects with {@link RedisLostError} when Redis is unreachable or does not respond
   * within the limits; the commands may have run or not.
   */
  run<T>(correlationId: string, commands: (client: RedisClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export type RedisClient = ReturnType<typeof newClient>;

/** The outcome of the command is unknown. */
export class RedisLostError extends Error {
  override name = 'RedisLostError';
}

/**
 * Connects on demand, and again at the next command after a lost connection. The offline queue and the
 * automatic reconnects of the client library are disabled, because durable steps retry instead, and their
 * waits survive a restart of this process.
 */
export function redisWriter({ url, log }: { url: string; log: Log }): RedisWriter {
  const connection = reconnecting(async () => asConnection(await openClient(url, redisLimits)));
  let closed = false;
  let inFlight = 0;

  // The client library's message may contain host and user names, which only the operator may see.
  const lost = (error: unknown, correlationId: string): RedisLostError => {
    log.warn({ err: error, correlationId }, 'Redis is unreachable');
    return new RedisLostError('it is unreachable', { cause: error });
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
        throw new RedisLostError('too many commands are waiting for a response');
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

function asConnection(client: RedisClient) {
  return {
    client,
    isOver: () => !client.isReady,
    close: async () => {
      if (client.isOpen) await orDestroy(client, redisLimits.closeMs, client.close()).catch(() => null);
    },
  };
}

/** Opens a connection that closes after being silent for too long, and never reconnects by itself. */
export async function openClient(
  url: string,
  { silenceMs, pingMs }: { silenceMs: number; pingMs?: number },
): Promise<RedisClient> {
  const client = newClient(url, silenceMs, pingMs);
  // An error without a listener would end the process. The waiting command gets the error.
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
 * Returns the response, or destroys the connection when no response comes in time. The client itself would wait
 * permanently, and its command timeout does not cover a command that was already written. Other commands on
 * the connection wait for the same silent server, and fail too.
 */
export async function orDestroy<T>(client: RedisClient, withinMs: number, response: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = deferred<never>();
  const timer = setTimeout(() => {
    reject(new RedisLostError('no response in time'));
    if (client.isOpen) client.destroy();
  }, withinMs);
  try {
    return await Promise.race([response, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
