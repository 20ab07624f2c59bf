import { pino } from 'pino';

import type { PointerId } from '../../../packages/protocol/identifiers.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { partitionOf } from '../../../packages/protocol/sinks/sink.ts';
import type { Database } from '../../../services/postgres/database.ts';
import { findPointer } from '../../../services/postgres/channels/pointers.ts';
import { findFeedEnd } from '../../../services/postgres/sinks/sinks.ts';
import { consumeMoves as consumeFromRabbitmq } from '../../../packages/client/rabbitmq/move-consumer.ts';
import { consumeMoves as consumeFromRedis } from '../../../packages/client/redis/move-consumer.ts';

const log = pino({ level: 'silent' });

export interface RecordingRuntime {
  /**
   * By pointer: the generations in the order in which they arrived. A generation arrives with an event, or with a
   * snapshot that is ahead of the events.
   */
  readonly brought: ReadonlyMap<string, readonly number[]>;
  /** The number of generations that were announced by an event. */
  byEvents(): number;
  stop(): Promise<void>;
}

interface Sources {
  readonly db: Database;
  readonly url: string;
  /** The pointers that each snapshot contains. */
  readonly pointers: readonly PointerId[];
}

/** Starts a runtime that follows the Redis streams with its own consumer group, written as users would write it. */
export function runtimeOnRedis({ db, url, pointers }: Sources): RecordingRuntime {
  const notes = recorder(db);
  const tenants = [...new Set(pointers.map(({ tenant }) => tenant))];
  const consumer = consumeFromRedis({
    url,
    log,
    group: 'fleet',
    consumer: 'one',
    partitions: [...new Set(tenants.map(partitionOf))],
    tenants: async () => tenants,
    apply: notes.apply,
    snapshot: async (tenant) => {
      const seq = (await findFeedEnd(db, tenant)) ?? 0;
      const fetched = await notes.fetch(pointers.filter((pointer) => pointer.tenant === tenant));
      return { seq, pointers: fetched };
    },
  });
  return { ...notes.soFar, stop: () => consumer.stop() };
}

/** Starts a runtime that follows RabbitMQ with its own queue. `isBound` returns true once the queue exists and is bound. */
export function runtimeOnRabbitmq({ db, url, pointers }: Sources) {
  const notes = recorder(db);
  let isBound = false;
  const consumer = consumeFromRabbitmq({
    url,
    log,
    queue: 'fleet',
    bindings: ['#'],
    apply: notes.apply,
    snapshot: (missed) => {
      // The consumer requests its first snapshot after it has bound its queue.
      isBound = true;
      return notes.fetch(
        pointers.filter((pointer) => {
          if (missed.kind === 'queue') return true;
          if (missed.kind === 'tenant') return pointer.tenant === missed.tenant;
          return nameOf(pointer) === nameOf(missed.pointer);
        }),
      );
    },
  });
  return { ...notes.soFar, isBound: () => isBound, stop: () => consumer.close() };
}

function recorder(db: Database) {
  const brought = new Map<string, number[]>();
  let events = 0;
  const bring = (pointer: PointerId, generation: number): void => {
    const before = brought.get(nameOf(pointer)) ?? [];
    brought.set(nameOf(pointer), [...before, generation]);
  };
  return {
    soFar: { brought, byEvents: () => events },
    apply: async ({ data }: MoveEvent): Promise<void> => {
      events++;
      bring(data, data.generation);
    },
    fetch: async (pointers: readonly PointerId[]) => {
      const found = [];
      for (const pointer of pointers) {
        const generation = (await findPointer(db, pointer))?.generation ?? 0;
        const before = brought.get(nameOf(pointer))?.at(-1) ?? 0;
        if (generation > before) bring(pointer, generation);
        found.push({ ...pointer, generation });
      }
      return found;
    },
  };
}

/** The key of a pointer in the map `brought`. */
export function nameOf({ tenant, bundle, channel }: PointerId): string {
  return `${tenant}/${bundle}/${channel}`;
}
