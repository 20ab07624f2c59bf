import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import type { ApiProcess } from '../support/processes/api-process.ts';
import { build, type Built } from '../support/worlds/asked-world.ts';
import type { Random } from '../support/data/seeded-random.ts';
import type { Outside } from './outside.ts';
import { pick, times } from './random.ts';
import { type FuzzTenant, GATED } from './tenants.ts';

/** A release that waits at its gates. */
export interface WaitingRelease {
  readonly bundle: string;
  readonly version: number;
  readonly digest: string;
  /** The capability in the callback address of its requested check. */
  readonly capability: string;
}

/** A compilation that was requested and is not reported yet. All blobs of its artifact are already uploaded. */
export interface OpenJob {
  readonly bundle: string;
  readonly version: number;
  readonly capability: string;
  readonly built: Built;
}

export interface ActiveToken {
  readonly id: string;
}

/**
 * Resources that requests use up. A used-up resource is replaced in the background, so that later requests find an
 * unused one.
 */
export interface Stock {
  readonly gated: Shelf<WaitingRelease>;
  readonly jobs: Shelf<OpenJob>;
  readonly tokens: Shelf<ActiveToken>;
  /** Waits for all replacements in progress. Returns the errors of all failed ones. */
  settle(): Promise<string[]>;
}

/**
 * The number of resources of each kind. It exceeds the number of replacements in progress at any moment. With fewer,
 * requests would find only used resources.
 */
const COUNTS = { gated: 8, jobs: 6, tokens: 6 } as const;

const Accepted = z.object({ version: z.number() });
const Made = z.object({ id: z.string() });

/** The resources of one kind. */
export class Shelf<T> {
  readonly #items: { thing: T; readonly used: Set<string>; isBeingMade: boolean }[];
  readonly #make: (place: number) => Promise<T>;
  readonly #making = new Set<Promise<void>>();
  readonly #failures: string[] = [];

  constructor(things: readonly T[], make: (place: number) => Promise<T>) {
    this.#items = things.map((thing) => ({ thing, used: new Set(), isBeingMade: false }));
    this.#make = make;
  }

  /**
   * Returns a resource that was not used in that way yet, if there is one.
   * @returns the resource, and a function that the request calls with the result: `so` when it used the resource in
   * that way, `up` when the resource is used up altogether
   */
  take(random: Random, way: string): { thing: T; used: (how: 'so' | 'up') => void } {
    const ready = this.#items.filter(({ isBeingMade }) => !isBeingMade);
    const fresh = ready.filter(({ used }) => !used.has(way));
    const item = pick(
      random,
      [fresh, ready, this.#items].find(({ length }) => length > 0)!,
    );
    const { thing } = item;
    return {
      thing,
      used: (how) => {
        if (item.thing !== thing || item.isBeingMade) return;
        item.used.add(way);
        const isScarce = this.#items.filter(({ used }) => !used.has(way)).length <= this.#items.length / 2;
        if (how === 'up' || isScarce) this.#makeAgain(this.#items.indexOf(item));
      },
    };
  }

  /** Waits for all replacements in progress. Returns the errors of all failed ones. */
  async settle(): Promise<string[]> {
    await Promise.all(this.#making);
    return this.#failures;
  }

  #makeAgain(place: number): void {
    const item = this.#items[place]!;
    item.isBeingMade = true;
    const making = this.#make(place).then(
      (thing) => {
        item.thing = thing;
        item.used.clear();
        item.isBeingMade = false;
      },
      // The item stays marked as being replaced, so it is chosen only if every item is. The recorded failure fails
      // the run.
      (error: unknown) => void this.#failures.push(`nothing new could be made: ${String(error)}`),
    );
    this.#making.add(making);
    void making.finally(() => this.#making.delete(making));
  }
}

/**
 * @param of the tenant whose releases wait at gates, and whose tokens are revoked
 * @param compiling the tenant whose policy requests remote compilation
 */
export async function startStock(
  api: ApiProcess,
  outside: Outside,
  { of, compiling }: { of: FuzzTenant; compiling: { readonly name: string; readonly marker: string } },
): Promise<Stock> {
  const shelf = async <T>(count: number, make: (place: number) => Promise<T>): Promise<Shelf<T>> =>
    new Shelf(await Promise.all(times(count, make)), make);
  const [gated, jobs, tokens] = await Promise.all([
    shelf(COUNTS.gated, (place) => waitingRelease(api, outside, of, place)),
    shelf(COUNTS.jobs, (place) => openJob(api, outside, compiling, place)),
    shelf(COUNTS.tokens, async () => {
      const json = { name: `t-${randomUUID()}`, tenant: of.name, roles: ['viewer'] };
      return Made.parse(await api.call('POST', '/v1/tokens', json));
    }),
  ]);
  return {
    gated,
    jobs,
    tokens,
    settle: async () => (await Promise.all([gated, jobs, tokens].map((one) => one.settle()))).flat(),
  };
}

async function waitingRelease(
  api: ApiProcess,
  outside: Outside,
  { name, marker }: FuzzTenant,
  place: number,
): Promise<WaitingRelease> {
  const bundle = `gated-${place}`;
  const json = { files: sourceWith(marker), channel: GATED, createChannel: true, onConflict: 'supersede' };
  const { version } = Accepted.parse(
    await api.call('POST', `/v1/tenants/${name}/bundles/${bundle}/releases`, json),
  );
  return { bundle, version, ...(await outside.check(`${name}:${bundle}:v${version}`)) };
}

async function openJob(
  api: ApiProcess,
  outside: Outside,
  { name, marker }: { readonly name: string; readonly marker: string },
  place: number,
): Promise<OpenJob> {
  const bundle = `job-${place}`;
  const files = sourceWith(marker);
  const { version } = Accepted.parse(
    await api.call('POST', `/v1/tenants/${name}/bundles/${bundle}/releases`, { files }),
  );
  const { capability } = await outside.job(`${name}:${bundle}:v${version}`);
  const built = build(files);
  for (const { digest, mediaType, text } of built.blobs)
    await fetch(`${api.url}/v1/callbacks/${capability}/blobs/${digest}`, {
      method: 'PUT',
      headers: { 'content-type': mediaType },
      body: text,
    });
  return { bundle, version, capability, built };
}

/** Each source is unique. A source that was compiled before would go live without a new compilation. */
function sourceWith(marker: string): Record<string, string> {
  return { 'a.json': JSON.stringify({ text: `${marker} ${randomUUID()}` }) };
}
