import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';

import { MOVE_EXCHANGE } from '../../core/sink.ts';
import type { Batch, Health, Sent, SinkTarget } from '../sinks/target.ts';
import { reconnecting } from '../connections/reconnecting.ts';
import { closeCode } from './close-code.ts';
import { declareMoveExchange, type ExchangeState, type Unrouted } from './move-topology.ts';
import { publishBatch } from './publish-batch.ts';
import { openRabbitSession, type RabbitSession } from './session.ts';

export interface MoveExchange extends SinkTarget {
  /** Moves that were confirmed although no queue wanted them, since this process began. */
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

// What follows is shown to tenants.
const AWAY = 'RabbitMQ can not be reached';
const SHORT = 'RabbitMQ takes nothing: it is short of memory or disk';
const MISSING = `RabbitMQ has no exchange ${MOVE_EXCHANGE}`;
const OTHER = `the exchange ${MOVE_EXCHANGE} was made in another way, so that nobody knows whether a queue is bound`;

/**
 * The topic exchange that moves are published to. A move has arrived when it is on the disks of every queue that is bound for it. What is
 * not confirmed is unknown, not failed: the batch is repeated from there, and consumers drop what they have seen.
 */
export function rabbitMoveExchange({ url, log, unrouted }: Options): MoveExchange {
  const sessions = reconnecting(() => openMoveSession({ url, log, unrouted }));
  let nobodys = 0;

  const current = async (): Promise<{ session: MoveSession } | { reason: string }> => {
    try {
      const session = await sessions.current();
      return session.isBlocked() ? { reason: SHORT } : { session };
    } catch (error) {
      // Its message may name hosts and users, which are nobody's business but the operator's.
      log.warn({ err: error }, AWAY);
      return { reason: closeCode(error) === null ? AWAY : MISSING };
    }
  };

  const send = async (batch: Batch): Promise<Sent> => {
    const { tenant } = batch;
    const now = await current();
    if ('reason' in now) return later(0, now.reason);
    const other = now.session.exchange === 'other';
    const { count, unroutable, stopped } = await publishBatch(now.session, batch, {
      mandatory: unrouted === 'mandatory' || other,
      unprovable: other ? OTHER : null,
    });
    nobodys += unroutable;
    if (unroutable > 0) log.warn({ tenant, unroutable, count }, 'no queue is bound for some moves');
    if (stopped === null) return { count, position: null, stopped: null };
    log.warn({ tenant, count, ...stopped }, 'a batch of moves stopped');
    if (now.session.isBlocked()) return later(count, SHORT);
    if (!stopped.ofEvent) return later(count, stopped.reason);
    const proven = count > 0 || stopped.answered;
    return { count, position: null, stopped: { kind: 'undelivered', reason: stopped.reason, proven } };
  };

  return {
    send,
    probe: async () => {
      const now = await current();
      return 'reason' in now ? { kind: 'down', reason: now.reason } : probeSession(now.session, log);
    },
    unrouted: () => nobodys,
    close: () => sessions.close(),
  };
}

async function openMoveSession({ url, log, unrouted }: Options): Promise<MoveSession> {
  const session = await openRabbitSession(url);
  try {
    return { ...session, exchange: await declareMoveExchange(session, unrouted, log) };
  } catch (error) {
    session.cut('there is no exchange');
    throw error;
  }
}

/** Never over the channel that publishes: a question that is answered by "no" closes its channel. */
async function probeSession(session: MoveSession, log: Logger): Promise<Health> {
  try {
    await askWhetherItTakes(session);
    await session.aside((channel) => channel.checkExchange(MOVE_EXCHANGE));
    return { kind: 'well' };
  } catch (error) {
    log.warn({ err: error }, 'RabbitMQ does not take moves');
    if (session.isBlocked()) return { kind: 'down', reason: SHORT };
    if (closeCode(error) !== 'not_found') return { kind: 'down', reason: AWAY };
    // The next session declares it again.
    await session.close();
    return { kind: 'down', reason: MISSING };
  }
}

/**
 * A broker that is short of memory or disk takes connections and questions, and says that it is only to those who publish: so something is
 * published that goes nowhere. Whatever is asked over that connection then gets no answer, but the news. One who may not do that is told
 * so, and finds out by publishing moves.
 */
async function askWhetherItTakes(session: MoveSession): Promise<void> {
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
