import { resolve } from 'node:path';

import type { PointerId } from '../../core/identifiers.ts';
import type { NamedBlob } from '../../core/oci-manifest.ts';
import { type ArtifactPlan, artifactPlan, isBlob } from './artifact-plan.ts';
import { type BlobFolder, blobFolder } from './blob-folder.ts';
import { type BundleContent, bundleContent, type BundleFile } from './bundle.ts';
import type { ControlPlane } from './control-plane.ts';
import { FollowFailure } from './failure.ts';
import { findLastGood, keepLastGood, type LastGood } from './last-good.ts';
import { inParallel } from './in-parallel.ts';
import { followLimits } from './limits.ts';
import { SharedFlights } from './shared-flights.ts';
import { sweepFolder } from './sweep-folder.ts';

/** Where a missing blob is fetched; null looks on disk alone. */
export type Origin = { readonly tenant: string; readonly plane: ControlPlane } | null;

/** A write to the disk that is under way. */
export interface Keeping {
  /** Durable. Rejects when the disk does not take it. */
  readonly done: Promise<void>;
  /** That, or the end of how long anybody waits for a disk; never rejects. */
  readonly soon: Promise<void>;
}

const IS_KEPT: Keeping = { done: Promise.resolve(), soon: Promise.resolve() };

/** A verified artifact, and the bytes that it was read from. */
interface Loaded {
  readonly content: BundleContent;
  /** By digest: the manifest, the index and the files. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/**
 * The artifacts of one folder, for all who follow anything in this process with that folder: each is fetched, checked, parsed and
 * written once, and is in memory once. What nobody runs any more goes with its last reader.
 */
export class ArtifactCache {
  readonly #blobs: BlobFolder;
  readonly #folder: string;
  readonly #loads = new SharedFlights<Loaded>();
  readonly #fetches = new SharedFlights<Uint8Array>();
  readonly #writes = new SharedFlights<void>();
  readonly #keepings = new Map<string, Keeping>();
  readonly #loaded = new Map<string, WeakRef<Loaded>>();
  readonly #owners = new WeakMap<BundleContent, Loaded>();
  readonly #onDisk = new WeakSet<BundleContent>();
  /** The highest generation that this process has written, of each pointer. */
  readonly #kept = new Map<string, number>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.#folder = folder;
    this.#blobs = blobFolder(folder);
  }

  /** The artifact, checked to its last byte. Fetches only what neither memory nor disk has. Throws {@link FollowFailure}. */
  async load(digest: string, origin: Origin, signal: AbortSignal): Promise<BundleContent> {
    const known = this.#loaded.get(digest)?.deref();
    if (known !== undefined) return known.content;
    const key = `${origin?.tenant ?? ''} ${digest}`;
    const loaded = await this.#loads.join(key, signal, (shared) => this.#load(digest, origin, shared));
    return loaded.content;
  }

  /**
   * Makes it durable that this ran at that generation: a process that starts later, without a network, goes on from there. Done once for all
   * who ask, however soon whoever asked stops waiting: half a write helps nobody.
   */
  keep(content: BundleContent, pointer: PointerId, good: Omit<LastGood, 'digest'>): Keeping {
    const name = `${pointer.tenant}/${pointer.bundle}/${pointer.channel}`;
    if ((this.#kept.get(name) ?? 0) >= good.generation) return IS_KEPT;
    const key = `${name} ${good.generation}`;
    const under = this.#keepings.get(key);
    if (under !== undefined) return under;
    const done = this.#write(content, pointer, good).finally(() => this.#keepings.delete(key));
    const keeping = { done, soon: settledWithin(done, followLimits.diskMs) };
    this.#keepings.set(key, keeping);
    void done.then(
      () => {
        this.#kept.set(name, Math.max(good.generation, this.#kept.get(name) ?? 0));
        return this.#sweep(Date.now());
      },
      () => undefined,
    );
    return keeping;
  }

  /** What was kept of that pointer, by this process or by another before it. */
  findLastGood(pointer: PointerId): Promise<LastGood | null> {
    return findLastGood(this.#folder, pointer);
  }

  async #write(content: BundleContent, pointer: PointerId, good: Omit<LastGood, 'digest'>): Promise<void> {
    const loaded = this.#owners.get(content);
    if (loaded === undefined) throw new Error(`artifact ${content.digest} is not of this cache`);
    if (!this.#onDisk.has(content)) {
      await this.#writes.join(content.digest, A_WRITE_IS_ENDED, () => this.#blobs.put(loaded.blobs));
      this.#onDisk.add(content);
    }
    await keepLastGood(this.#folder, pointer, { ...good, digest: content.digest });
  }

  /** Takes away what nobody needs any more, unless that was done lately. */
  async #sweep(nowMs: number): Promise<void> {
    if (nowMs - this.#sweptAtMs < followLimits.sweepMs) return;
    this.#sweptAtMs = nowMs;
    for (const [digest, ref] of this.#loaded) if (ref.deref() === undefined) this.#loaded.delete(digest);
    await sweepFolder(this.#folder, nowMs);
  }

  async #load(digest: string, origin: Origin, signal: AbortSignal): Promise<Loaded> {
    const plan = await this.#plan(digest, origin, signal);
    const blobs = new Map([[digest, plan.manifest]]);
    const inMemory = this.#inMemory();
    await inParallel(plan.blobs, followLimits.fetches, async (blob) => {
      signal.throwIfAborted();
      const content = inMemory(blob.digest) ?? (await this.#blob(blob, origin, signal));
      blobs.set(blob.digest, content);
    });
    return this.#remember(plan, blobs);
  }

  async #plan(digest: string, origin: Origin, signal: AbortSignal): Promise<ArtifactPlan> {
    const kept = await this.#blobs.findAtMost(digest, followLimits.manifestBytes);
    if (kept !== null) return artifactPlan(digest, kept);
    if (origin === null) throw notOnDisk(digest);
    return artifactPlan(digest, await origin.plane.manifest(digest, signal));
  }

  async #blob(blob: NamedBlob, origin: Origin, signal: AbortSignal): Promise<Uint8Array> {
    const kept = await this.#blobs.find(blob);
    if (kept !== null) return kept;
    if (origin === null) throw notOnDisk(blob.digest);
    return this.#fetches.join(`${origin.tenant} ${blob.digest}`, signal, async (shared) => {
      const content = await origin.plane.blob(blob.digest, blob.size, shared);
      if (isBlob(blob, content)) return content;
      throw new FollowFailure('wrong', `blob ${blob.digest} is not what its digest says`);
    });
  }

  /** Blobs of the artifacts that somebody runs: a release mostly changes a few files of the one before. */
  #inMemory(): (digest: string) => Uint8Array | undefined {
    const running = [...this.#loaded.values()].map((ref) => ref.deref()).filter((one) => one !== undefined);
    return (digest) => running.find(({ blobs }) => blobs.has(digest))?.blobs.get(digest);
  }

  #remember(plan: ArtifactPlan, blobs: ReadonlyMap<string, Uint8Array>): Loaded {
    const files = new Map<string, BundleFile>();
    for (const { path, digest, mediaType } of plan.files) {
      const content = blobs.get(digest);
      if (content === undefined) throw new Error(`blob ${digest} was neither found nor missed`);
      files.set(path, Object.freeze({ content, mediaType }));
    }
    const loaded: Loaded = { content: bundleContent(plan.digest, files), blobs };
    this.#owners.set(loaded.content, loaded);
    this.#loaded.set(plan.digest, new WeakRef(loaded));
    return loaded;
  }
}

function notOnDisk(digest: string): FollowFailure {
  return new FollowFailure('later', `${digest} is not on disk, or is damaged`);
}

/** Resolves when it has settled, and at the latest when the time is over. */
async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const timer = setTimeout(end, ms);
  void work.then(end, () => end());
  await promise;
  clearTimeout(timer);
}

/** Of a write, which goes on to its end: never aborted. */
const A_WRITE_IS_ENDED = new AbortController().signal;

const caches = new Map<string, ArtifactCache>();

/** The one cache of that folder in this process. */
export function artifactCache(folder: string): ArtifactCache {
  const path = resolve(folder);
  const cache = caches.get(path) ?? new ArtifactCache(path);
  caches.set(path, cache);
  return cache;
}
