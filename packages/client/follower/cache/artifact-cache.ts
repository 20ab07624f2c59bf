import { deferred } from '@pointsman/protocol/calls/deferred';
import { resolve } from 'node:path';

import type { PointerId } from '@pointsman/protocol/identifiers';
import type { NamedBlob } from '@pointsman/protocol/artifacts/oci-manifest';
import { type ArtifactPlan, artifactPlan, isBlob } from './artifact-plan.ts';
import { type BlobFolder, blobFolder } from './blob-folder.ts';
import { type BundleContent, bundleContent, type BundleFile } from './bundle.ts';
import type { ControlPlane } from '../control-plane.ts';
import { FollowFailure } from '../failure.ts';
import { findLastGood, writeLastGood, type LastGood } from './last-good.ts';
import { inParallel } from './in-parallel.ts';
import { followLimits } from '../limits.ts';
import { SharedFlights } from '../shared-flights.ts';
import { sweepFolder } from './sweep-folder.ts';

/**
 * The control plane (the API) from which missing blobs are fetched. If it is null, blobs are read only from
 * disk.
 */
export type Origin = { readonly tenant: string; readonly plane: ControlPlane } | null;

/** A disk write in progress. */
export interface PendingWrite {
  /** Resolves when the write is durable. Rejects when the disk write fails. */
  readonly done: Promise<void>;
  /** Resolves when `done` settles, but at the time limit for disk writes at the latest. Never rejects. */
  readonly soon: Promise<void>;
}

const ALREADY_WRITTEN: PendingWrite = { done: Promise.resolve(), soon: Promise.resolve() };

/** A verified artifact, and the bytes of its blobs. */
interface Loaded {
  readonly content: BundleContent;
  /** The contents of the manifest, the index and the files, by digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/**
 * The cache of the artifacts in one folder. All followers in this process that use the folder share it. Each
 * artifact is fetched, verified, parsed and written once, and it is in memory once. When no reader references
 * an artifact any more, the garbage collector frees it.
 */
export class ArtifactCache {
  readonly #blobs: BlobFolder;
  readonly #folder: string;
  readonly #loads = new SharedFlights<Loaded>();
  readonly #fetches = new SharedFlights<Uint8Array>();
  readonly #writes = new SharedFlights<void>();
  readonly #pendingWrites = new Map<string, PendingWrite>();
  readonly #loaded = new Map<string, WeakRef<Loaded>>();
  readonly #owners = new WeakMap<BundleContent, Loaded>();
  readonly #onDisk = new WeakSet<BundleContent>();
  /** The highest generation that this process has written for each pointer. */
  readonly #writtenGenerations = new Map<string, number>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.#folder = folder;
    this.#blobs = blobFolder(folder);
  }

  /**
   * Returns a completely verified artifact. Fetches only the blobs that are neither in memory nor on disk.
   * Throws {@link FollowFailure}.
   */
  async load(digest: string, origin: Origin, signal: AbortSignal): Promise<BundleContent> {
    const known = this.#loaded.get(digest)?.deref();
    if (known !== undefined) return known.content;
    const key = `${origin?.tenant ?? ''} ${digest}`;
    const loaded = await this.#loads.join(key, signal, (shared) => this.#load(digest, origin, shared));
    return loaded.content;
  }

  /**
   * Writes the artifact and its generation to disk. A process that starts later, even without a network,
   * continues from there. Concurrent callers share one write. The write continues even if its callers stop
   * waiting, because a partial write is useless.
   */
  persist(content: BundleContent, pointer: PointerId, good: Omit<LastGood, 'digest'>): PendingWrite {
    const name = `${pointer.tenant}/${pointer.bundle}/${pointer.channel}`;
    if ((this.#writtenGenerations.get(name) ?? 0) >= good.generation) return ALREADY_WRITTEN;
    const key = `${name} ${good.generation}`;
    const pending = this.#pendingWrites.get(key);
    if (pending !== undefined) return pending;
    const done = this.#write(content, pointer, good).finally(() => this.#pendingWrites.delete(key));
    const keeping = { done, soon: settledWithin(done, followLimits.diskMs) };
    this.#pendingWrites.set(key, keeping);
    void done.then(
      () => {
        this.#writtenGenerations.set(
          name,
          Math.max(good.generation, this.#writtenGenerations.get(name) ?? 0),
        );
        return this.#sweep(Date.now());
      },
      () => undefined,
    );
    return keeping;
  }

  /**
   * Returns the newest bundle of the pointer that is complete on disk, or null. This process or an earlier
   * one has written it.
   */
  findLastGood(pointer: PointerId): Promise<LastGood | null> {
    return findLastGood(this.#folder, pointer);
  }

  async #write(content: BundleContent, pointer: PointerId, good: Omit<LastGood, 'digest'>): Promise<void> {
    const loaded = this.#owners.get(content);
    if (loaded === undefined) throw new Error(`artifact ${content.digest} is not of this cache`);
    if (!this.#onDisk.has(content)) {
      await this.#writes.join(content.digest, NEVER_ABORTED, () => this.#blobs.put(loaded.blobs));
      this.#onDisk.add(content);
    }
    await writeLastGood(this.#folder, pointer, { ...good, digest: content.digest });
  }

  /**
   * Deletes unused files from the folder. Does nothing if the last run was less than {@link
   * followLimits.sweepMs} ago.
   */
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
    const onDisk = await this.#blobs.findAtMost(digest, followLimits.manifestBytes);
    if (onDisk !== null) return artifactPlan(digest, onDisk);
    if (origin === null) throw notOnDisk(digest);
    return artifactPlan(digest, await origin.plane.manifest(digest, signal));
  }

  async #blob(blob: NamedBlob, origin: Origin, signal: AbortSignal): Promise<Uint8Array> {
    const onDisk = await this.#blobs.find(blob);
    if (onDisk !== null) return onDisk;
    if (origin === null) throw notOnDisk(blob.digest);
    return this.#fetches.join(`${origin.tenant} ${blob.digest}`, signal, async (shared) => {
      const content = await origin.plane.blob(blob.digest, blob.size, shared);
      if (isBlob(blob, content)) return content;
      throw new FollowFailure('wrong', `blob ${blob.digest} does not match its digest`);
    });
  }

  /**
   * Returns a function that finds a blob in the artifacts that are in memory. A release usually changes only
   * a few files, so that most of its blobs are found there.
   */
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

/** Resolves when the work has settled, but after `ms` milliseconds at the latest. */
async function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve: end } = deferred<void>();
  const timer = setTimeout(end, ms);
  void work.then(end, () => end());
  await promise;
  clearTimeout(timer);
}

/** The abort signal for disk writes, which never aborts. */
const NEVER_ABORTED = new AbortController().signal;

const caches = new Map<string, ArtifactCache>();

/** Returns the cache of a folder. The process has one cache for each folder. */
export function artifactCache(folder: string): ArtifactCache {
  const path = resolve(folder);
  const cache = caches.get(path) ?? new ArtifactCache(path);
  caches.set(path, cache);
  return cache;
}
