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

/** A message from the process of a fleet. */
export type FleetWord =
  /** The URL of its webhook receiver. Sent before the followers are opened. */
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'ready' }
  /**
   * Sent when all followers run the generation. `atMs` has the time at which each of them began, in epoch
   * milliseconds.
   */
  | { readonly kind: 'arrived'; readonly generation: number; readonly atMs: readonly number[] };

export interface Fleet {
  /**
   * Waits until all followers run that generation. Returns the time at which each of them began, in epoch
   * milliseconds.
   */
  arrived(generation: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('./fleet-process.ts', import.meta.url));

/**
 * Starts a process with followers, and resolves when all of them are open. With the webhook transport, `onListening`
 * is called first.
 */
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
