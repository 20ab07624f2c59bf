import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { PointerId } from '../../packages/protocol/identifiers.ts';

export type Transport =
  | 'long-poll'
  | 'server-sent-events'
  | { readonly kind: 'redis' | 'rabbitmq'; readonly url: string }
  | { readonly kind: 'webhook'; readonly secret: string };

export interface FleetOptions {
  readonly url: string;
  readonly token: string;
  readonly pointer: PointerId;
  readonly folder: string;
  readonly count: number;
  readonly transport: Transport;
}

/** What a fleet's process says. */
export type FleetWord =
  /** Where it takes webhooks, and before it has followers. */
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'ready' }
  /** All of them run that: when each began to, in milliseconds of the wall's clock. */
  | { readonly kind: 'arrived'; readonly generation: number; readonly atMs: readonly number[] };

export interface Fleet {
  /** When each follower began to run that generation, once all of them do. */
  arrived(generation: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('./fleet-process.ts', import.meta.url));

/** Followers in one process of their own, all of them open. `onListening` is called first where they are told by webhooks. */
export async function startFleet(
  options: FleetOptions,
  onListening: (url: string) => Promise<void>,
): Promise<Fleet> {
  const child = fork(MAIN, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const gone = once(child, 'exit');
  const ready = Promise.withResolvers<void>();
  const arrivals = new Map<number, PromiseWithResolvers<readonly number[]>>();
  const arrivalOf = (generation: number): PromiseWithResolvers<readonly number[]> => {
    const arrival = arrivals.get(generation) ?? Promise.withResolvers<readonly number[]>();
    arrivals.set(generation, arrival);
    return arrival;
  };
  const failed = (error: Error): void => {
    ready.reject(error);
    for (const arrival of arrivals.values()) arrival.reject(error);
  };
  child.on('message', (said) => {
    const word = said as FleetWord;
    if (word.kind === 'ready') ready.resolve();
    else if (word.kind === 'arrived') arrivalOf(word.generation).resolve(word.atMs);
    else onListening(word.url).catch(failed);
  });
  void gone.then(() => failed(new Error('the fleet has ended')));
  await ready.promise;
  return {
    arrived: (generation) => arrivalOf(generation).promise,
    async stop() {
      child.disconnect();
      await gone;
    },
  };
}
