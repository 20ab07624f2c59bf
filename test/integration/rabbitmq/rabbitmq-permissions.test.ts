import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { MOVE_EXCHANGE } from '../../../packages/protocol/sinks/sink.ts';
import { consumeMoves } from '../../../packages/client/rabbitmq/move-consumer.ts';
import type { Missed } from '../../../packages/client/rabbitmq/move-progress.ts';
import { rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import { tailMoves } from '../../../packages/client/rabbitmq/move-tail.ts';
import { startRabbitmq, type TestRabbitmq } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { type AmqpChannel, batchOf, madeMoves, overAmqp } from '../../support/data/moves.ts';
import { pageCommands } from '../../support/runs/page-commands.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// Runs the commands of docs/guides/rabbitmq.md that create the user of a tenant's runtime.

const log = pino({ level: 'silent' });

describe.skipIf(skipWithout('the RabbitMQ permissions', ['rabbitmq-server']))(
  'the RabbitMQ users in docs/guides/rabbitmq.md',
  () => {
    let broker: TestRabbitmq;
    let ends = new AsyncDisposableStack();

    const urlOf = (user: string): string => broker.url.replace('guest:guest', `${user}:a-long-password`);
    const send = async (events: readonly MoveEvent[]): Promise<void> => {
      const target = rabbitMoveExchange({ url: broker.url, log, unrouted: 'mandatory' });
      expect((await target.send(batchOf(events))).stopped).toBeNull();
      await target.close();
    };

    beforeAll(async () => {
      broker = await startRabbitmq();
      const commands = (await pageCommands('docs/guides/rabbitmq.md', 'rabbitmqctl')).filter((command) =>
        command.includes('acme'),
      );
      expect(commands.map(([, command]) => command)).toEqual([
        'add_user',
        'set_permissions',
        'set_topic_permissions',
      ]);
      for (const [, ...command] of commands) {
        await broker.ctl(...command);
        await broker.ctl(...command.map((word) => word.replaceAll('acme', 'globex')));
      }
      await send(madeMoves(1, 1));
    });
    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
    });
    afterAll(() => broker.stop());

    test('the user of a tenant consumes and tails the moves of its tenant', async () => {
      const [applied, tailed]: [string[], string[]] = [[], []];
      const missed: Missed[] = [];
      const consumer = consumeMoves({
        url: urlOf('acme'),
        log,
        queue: 'acme.fleet',
        bindings: ['acme.#'],
        apply: async (event) => void applied.push(event.id),
        // The consumer requests its first snapshot after it has bound its queue.
        snapshot: async (what) => {
          missed.push(what);
          return [];
        },
      });
      ends.defer(() => consumer.close());
      const stopping = new AbortController();
      const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
      const tail = (async () => {
        for await (const one of tailMoves({ url: urlOf('acme'), pointer, signal: stopping.signal, log }))
          tailed.push(one.kind === 'gap' ? 'gap' : one.event.id);
      })();
      ends.defer(async () => {
        stopping.abort();
        await tail;
      });
      await eventually(async () => missed.length > 0 && tailed.length > 0, {
        what: 'both are bound',
      });
      await send([...madeMoves(2, 2), ...madeMoves(2, 2, { tenant: 'globex' }), ...madeMoves(3, 3)]);
      const ids = [...madeMoves(2, 2), ...madeMoves(3, 3)].map(({ id }) => id);
      await eventually(async () => applied.length === 2 && tailed.length === 3, {
        what: 'both consumers have both moves',
      });
      expect([applied, tailed]).toEqual([ids, ['gap', ...ids]]);
    });

    test('the user of a tenant can’t bind a routing key of another tenant, reach a queue of another tenant, or forge a move', async () => {
      await overAmqp(urlOf('globex'), async (theirs) => {
        await theirs.assertQueue('globex.fleet');
        const { queue: exclusive } = await theirs.assertQueue('', { exclusive: true });
        await overAmqp(urlOf('acme'), async (own) => {
          await own.assertQueue('acme.spare');
          await own.assertExchange('acme.spare', 'topic');
        });
        const dead = (exchange: string) => ({ arguments: { 'x-dead-letter-exchange': exchange } });
        const attempts: Record<string, (channel: AmqpChannel) => Promise<unknown>> = {
          ...Object.fromEntries(
            ['#', '*.#', '*.support-bot.live', 'globex.#', 'acme', 'acme-2.#', '#.acme.live'].map((key) => [
              `bind ${key}`,
              (channel: AmqpChannel) => channel.bindQueue('acme.spare', MOVE_EXCHANGE, key),
            ]),
          ),
          'bind an exchange': (channel) => channel.bindExchange('acme.spare', MOVE_EXCHANGE, '#'),
          consume: (channel) => channel.consume('globex.fleet', () => undefined),
          get: (channel) => channel.get('globex.fleet'),
          purge: (channel) => channel.purgeQueue('globex.fleet'),
          delete: (channel) => channel.deleteQueue('globex.fleet'),
          declare: (channel) => channel.assertQueue('globex.other'),
          'bind theirs': (channel) => channel.bindQueue('globex.fleet', MOVE_EXCHANGE, 'acme.#'),
          'an exclusive queue': (channel) => channel.consume(exclusive, () => undefined),
          'purge an exclusive queue': (channel) => channel.purgeQueue(exclusive),
          'delete the exchange': (channel) => channel.deleteExchange(MOVE_EXCHANGE),
          'dead letters into the exchange': (channel) =>
            channel.assertQueue('acme.forge', dead(MOVE_EXCHANGE)),
          'dead letters into a queue': (channel) => channel.assertQueue('acme.forge', dead('')),
          'an alternate exchange': (channel) =>
            channel.assertExchange('acme.forge', 'fanout', { alternateExchange: MOVE_EXCHANGE }),
          'publish a move': (channel) => published(channel, MOVE_EXCHANGE, 'acme.support-bot.live'),
          'publish into their queue': (channel) => published(channel, '', 'globex.fleet'),
        };
        const allowed = [];
        for (const [what, attempt] of Object.entries(attempts))
          if (!(await isRefused(urlOf('acme'), attempt))) allowed.push(what);
        expect(allowed).toEqual([]);
      });
    });
  },
);

/**
 * Whether RabbitMQ closes the channel because of this attempt. It uses code 403 for a missing permission, and 405 for
 * a queue that belongs to another connection.
 */
async function isRefused(url: string, attempt: (channel: AmqpChannel) => Promise<unknown>): Promise<boolean> {
  let code: unknown = null;
  try {
    await overAmqp(url, async (channel) => {
      const closed = Promise.withResolvers<never>();
      closed.promise.catch(() => undefined);
      channel.on('error', (error: unknown) => {
        code = (error as { code?: unknown }).code;
        closed.reject(error);
      });
      await Promise.race([attempt(channel), closed.promise]);
    });
  } catch (error) {
    code ??= (error as { code?: unknown }).code;
  }
  return code === 403 || code === 405;
}

/**
 * Publishes a message, then waits for the response to another command. RabbitMQ sends a refusal of the message before
 * that response.
 */
async function published(channel: AmqpChannel, exchange: string, key: string): Promise<void> {
  channel.publish(exchange, key, Buffer.from('{}'));
  await channel.checkQueue('acme.spare');
}
