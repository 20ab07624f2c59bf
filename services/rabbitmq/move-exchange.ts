import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';

import { MOVE_EXCHANGE } from '@pointsman/protocol/sinks/sink';
import type { Batch, Health, Sent, SinkTarget } from '../sinks/target.ts';
import { reconnecting } from '@pointsman/protocol/calls/reconnecting';
import { closeCode } from '@pointsman/client/internal/rabbitmq/close-code';
import { declareMoveExchange, type ExchangeState, type Unrouted } from './move-topology.ts';
import { publishBatch } from './publish-batch.ts';
import { openRabbitSession, type RabbitSession } from './session.ts';

export interface MoveExchange extends SinkTarget {
  /**
   * Returns the number of moves that the broker has confirmed but not routed to any queue, since the start of this
   * process.
   */
  unrouted(): number;
}

interface MoveSession extends RabbitSession {
  readonly exchange: ExchangeState;
}

interface Options {
  readonly url: string;
  readonly log: Logger;
  readonly unrouted: Unrouted;
}

// The following texts are shown to tenants.
const UNREACHABLE = 'RabbitMQ is unreachable';
const BLOCKED = 'RabbitMQ accepts no messages: it is short of memory or disk';
const MISSING = `RabbitMQ has no exchange ${MOVE_EXCHANGE}`;
const OTHER_ARGUMENTS = `the exchange ${MOVE_EXCHANGE} was declared with other arguments, so it is unknown whether a queue is bound`;

/**
 * Creates a sink target that publishes moves to a topic exchange. A move counts as delivered when all bound queues
 * have stored it on disk. If a move is not confirmed, it may or may not have arrived. The batch is then repeated from
 * that move, and consumers must ignore moves that they have already received.
 */
export function rabbitMoveExchange({ url, log, unrouted }: Options): MoveExchange {
  const sessions = reconnecting(() => openMoveSession({ url, log, unrouted }));
  let unroutedCount = 0;

  const current = async (): Promise<{ session: MoveSession } | { reason: string }> => {
    try {
      const session = await sessions.current();
      return session.isBlocked() ? { reason: BLOCKED } : { session };
    } catch (error) {
      // The error is only logged, because its message may contain host and user names that tenants must not see.
      log.warn({ err: error }, UNREACHABLE);
      return { reason: closeCode(error) === null ? UNREACHABLE : MISSING };
    }
  };

  const send = async (batch: Batch): Promise<Sent> => {
    const { tenant } = batch;
    const now = await current();
    if ('reason' in now) return later(0, now.reason);
    const other = now.session.exchange === 'other';
    const { count, unroutable, stopped } = await publishBatch(now.session, batch, {
      mandatory: unrouted === 'mandatory' || other,
      unprovable: other ? OTHER_ARGUMENTS : null,
    });
    unroutedCount += unroutable;
    if (unroutable > 0) log.warn({ tenant, unroutable, count }, 'no queue is bound for some moves');
    if (stopped === null) return { count, position: null, stopped: null };
    log.warn({ tenant, count, ...stopped }, 'a batch of moves stopped');
    if (now.session.isBlocked()) return later(count, BLOCKED);
    if (!stopped.ofEvent) return later(count, stopped.reason);
    const responded = count > 0 || stopped.answered;
    return { count, position: null, stopped: { kind: 'undelivered', reason: stopped.reason, responded } };
  };

  return {
    send,
    probe: async () => {
      const now = await current();
      return 'reason' in now ? { kind: 'down', reason: now.reason } : probeSession(now.session, log);
    },
    unrouted: () => unroutedCount,
    close: () => sessions.close(),
  };
}

async function openMoveSession({ url, log, unrouted }: Options): Promise<MoveSession> {
  const session = await openRabbitSession(url);
  try {
    return { ...session, exchange: await declareMoveExchange(session, unrouted, log) };
  } catch (error) {
    session.destroy('the exchange does not exist');
    throw error;
  }
}

/**
 * Checks whether RabbitMQ accepts moves. The check uses its own channel, because the broker closes a channel after an
 * error.
 */
async function probeSession(session: MoveSession, log: Logger): Promise<Health> {
  try {
    await probePublish(session);
    await session.aside((channel) => channel.checkExchange(MOVE_EXCHANGE));
    return { kind: 'well' };
  } catch (error) {
    log.warn({ err: error }, 'RabbitMQ does not accept moves');
    if (session.isBlocked()) return { kind: 'down', reason: BLOCKED };
    if (closeCode(error) !== 'not_found') return { kind: 'down', reason: UNREACHABLE };
    // The session is closed because the exchange is missing. The next session declares the exchange again.
    await session.close();
    return { kind: 'down', reason: MISSING };
  }
}

/**
 * Publishes an empty message to a queue that does not exist, to find out whether the broker is short of memory or
 * disk. Such a broker accepts connections and requests, and reports the shortage only to a connection that publishes.
 * On a blocked connection, the request after the publish gets no response, but the broker sends a notification.
 *
 * If the user is not permitted to publish to the default exchange, this check is skipped. A shortage is then detected
 * only when moves are published.
 */
async function probePublish(session: MoveSession): Promise<void> {
  try {
    await session.aside(async (channel) => {
      channel.publish('', `pointsman.probe.${randomUUID()}`, Buffer.alloc(0));
      await channel.checkExchange(MOVE_EXCHANGE);
    });
  } catch (error) {
    if (closeCode(error) !== 'access_refused') throw error;
  }
}

function later(count: number, reason: string): Sent {
  return { count, position: null, stopped: { kind: 'later', reason, retryAfterMs: null } };
}
