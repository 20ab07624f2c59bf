import { deferred } from '@pointsman/protocol/calls/deferred';
import type { Log } from '../log.ts';
import { createClient, ErrorReply } from 'redis';

import { reconnecting } from '@pointsman/protocol/calls/reconnecting';
import { redisLimits } from './limits.ts';

/** A Redis connection for commands that respond immediately. It must not be used for blocking commands. */
export interface RedisWriter {
  /**
   * Runs commands, and first opens a connection if none is open. Rejects with the client library's
   * `ErrorReply` if Redis rejects a command. Rejects with {@link RedisLostError} if Redis is unreachable or
   * does not respond in time. In the latter case it is unknown whether the commands have run.
   */
  run<T>(correlationId: string, commands: (client: RedisClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export type RedisClient = ReturnType<typeof newClient>;

/** Redis did not respond. It is unknown whether the command has run. */
export class RedisLostError extends Error {
  override name = 'RedisLostError';
}

/**
 * Creates a connection that is opened by the first command, and opened again by the next command after it was
 * lost. The automatic reconnects and the offline queue of the client library are off. The durable steps that
 * use this connection retry instead, and their waits survive a restart of this process.
 */
export function redisWriter({ url, log }: { url: string; log: Log }): RedisWriter {
  const connection = reconnecting(async () => asConnection(await openClient(url, redisLimits)));
  let closed = false;
  let inFlight = 0;

  // The error of the client library may contain host names and user names, which only the operator may see.
  // It goes to the log, and the caller gets a plain text.
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

/** Opens a connection that closes when it receives no data for too long. It never reconnects by itself. */
export async function openClient(
  url: string,
  { silenceMs, pingMs }: { silenceMs: number; pingMs?: number },
): Promise<RedisClient> {
  const client = newClient(url, silenceMs, pingMs);
  // An error event without a listener would end the process. The command that is waiting gets the error
  // anyway.
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
 * Awaits a response. If it takes too long, destroys the connection and rejects.
 *
 * The client library would wait without end, because its command timeout does not cover a command that was
 * already written to the socket. Other commands on the same connection wait for the same server, so they fail
 * too.
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
