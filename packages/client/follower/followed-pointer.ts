import { deferred } from '@pointsman/protocol/calls/deferred';
import type { PointerId } from '@pointsman/protocol/identifiers';
import type { AcknowledgementBody } from '@pointsman/protocol/moves/acknowledgement';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { type Acknowledger, startAcknowledger } from './acknowledger.ts';
import type { ArtifactCache } from './cache/artifact-cache.ts';
import { type Bundle, bundleAt, type BundleContent } from './cache/bundle.ts';
import { type CatchUp, catchUp, type Target } from './catch-up.ts';
import { type Confirmations, confirmations } from './confirmations.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Connection } from './http-request.ts';
import { failureOf, FollowFailure, reasonOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { listen } from './hints/listen.ts';
import { classifyEvent, type MoveHint, type MoveHints } from './hints/move-hints.ts';
import { type FollowerLog, type FollowerStatus, ProblemLog } from './status.ts';
import { isOver, jittered, orAborted, pause } from './waits.ts';

export interface FollowedDeps {
  readonly pointer: PointerId;
  readonly connection: Connection;
  readonly plane: ControlPlane;
  readonly name: string;
  readonly cache: ArtifactCache;
  readonly source: MoveHints;
  readonly log: FollowerLog | undefined;
}

const OLDER_RESPONSES_TOLERATED = 3;

/**
 * Follows one pointer. There are several ways to detect a move: events and notifications, the slow poll, and
 * the responses to acknowledgements. Each of them calls `#onPointer` with the pointer from the API. Then
 * every move is processed in the same way: the bundle is fetched, verified, written to disk, and made the
 * running one.
 */
export class FollowedPointer {
  /** The running bundle. It is a plain property instead of a getter, because readers access it very often. */
  current: Bundle | null = null;

  readonly #deps: FollowedDeps;
  readonly #end = new AbortController();
  readonly #started = deferred<void>();
  readonly #problemLog: ProblemLog;
  readonly #catchUp: CatchUp;
  readonly #confirmations: Confirmations;
  readonly #listeners = new Set<(bundle: Bundle, previous: Bundle) => void>();
  /**
   * A reference to the content of `current`. It prevents the garbage collector from freeing the content in
   * the cache.
   */
  #content: BundleContent | null = null;
  /** The highest generation recorded on disk. Any lower generation is stale. */
  #floor = 0;
  #onDisk = 0;
  #olderInARow = 0;
  #acknowledged: number | null = null;
  #acknowledger: Acknowledger | null = null;
  #transport: FollowerStatus['transport'] = 'listening';
  #contactAtMs: number | null = null;
  #confirmedAtMs: number | null = null;
  #loops: readonly Promise<void>[] = [];

  constructor(deps: FollowedDeps) {
    const { pointer, name, log } = deps;
    const { signal } = this.#end;
    this.#deps = deps;
    this.#problemLog = new ProblemLog(log, { ...pointer, follower: name });
    this.#catchUp = catchUp({
      isAhead: (generation) => this.#isAhead(generation),
      fetchAndSwap: (target, overtaken) => this.#fetchAndSwap(target, overtaken),
      onFailure: (failure) => this.#problemLog.failed('artifact', failure),
      signal,
    });
    this.#confirmations = confirmations({
      ...deps,
      onPointer: (found) => this.#onPointer(found),
      onUnconfirmed: (generation) =>
        this.#problemLog.ignore('false', `an event named generation ${generation}, which does not exist`),
      onFailure: (failure) => this.#problemLog.failed('pointer', failure),
      signal,
    });
  }

  /** Makes the bundle on disk the running one, if there is one. Then starts to follow the pointer. */
  async start(): Promise<void> {
    await this.#startFromDisk();
    const { source, plane, name } = this.#deps;
    const { signal } = this.#end;
    this.#acknowledger = startAcknowledger({
      plane,
      name,
      acknowledgement: () => this.#running(),
      onPointer: (found, acknowledged) => this.#onAcknowledged(found, acknowledged),
      onFailure: (failure) => this.#problemLog.failed('acknowledgement', failure),
      signal,
    });
    const listening = listen({
      source,
      onOpen: () => this.#confirmations.ask(),
      onHint: (hint) => this.#onHint(hint),
      onFailure: (failure) => {
        this.#transport = 'retrying';
        this.#problemLog.failed('source', failure);
      },
      signal,
    });
    this.#loops = [this.#acknowledger.ended, listening, this.#poll()];
  }

  /** Waits until a bundle is running, but at most `withinMs`. Returns whether one is running. */
  async hasStarted(withinMs: number): Promise<boolean> {
    const late = new AbortController();
    await Promise.race([this.#started.promise, pause(withinMs, late.signal)]);
    late.abort();
    return this.current !== null;
  }

  pin(): Bundle {
    if (this.current === null) throw new Error('no bundle is available to pin yet');
    return this.current;
  }

  onChange(listener: (bundle: Bundle, previous: Bundle) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): FollowerStatus {
    const { generation, digest } = this.#running();
    return {
      generation,
      version: this.current?.version ?? null,
      digest,
      wanted: this.#catchUp.wanted,
      transport: this.#end.signal.aborted ? 'closed' : this.#transport,
      lastContact: this.#contactAtMs === null ? null : new Date(this.#contactAtMs).toISOString(),
      stalenessMs: this.#confirmedAtMs === null ? null : performance.now() - this.#confirmedAtMs,
      acknowledged: this.#acknowledged,
      isOnDisk: generation > 0 && this.#onDisk === generation,
      ...this.#problemLog.seen,
    };
  }

  async close(): Promise<void> {
    this.#end.abort(new FollowFailure('later', 'the follower was closed'));
    const ended = Promise.allSettled([...this.#loops, this.#catchUp.idle(), this.#confirmations.idle()]);
    // The wait has a time limit, because a custom source of hints may ignore its signal.
    const late = new AbortController();
    await Promise.race([ended, pause(followLimits.closeMs, late.signal)]);
    late.abort();
  }

  /**
   * Loads the newest recorded bundle from disk. Never loads an older one, even if only the older one is
   * intact. If the newest one is damaged, it is fetched again as if it were missing.
   */
  async #startFromDisk(): Promise<void> {
    const { cache, pointer } = this.#deps;
    const good = await cache.findLastGood(pointer);
    if (good === null) return;
    try {
      const content = await cache.load(good.digest, null, this.#end.signal);
      this.#onDisk = good.generation;
      this.#swap(bundleAt(good, content), content);
    } catch (error) {
      this.#floor = good.generation;
      this.#problemLog.failed('disk', failureOf(error));
    }
  }

  async #poll(): Promise<void> {
    const { signal } = this.#end;
    while (!isOver(signal)) {
      await pause(jittered(followLimits.pollMs), signal);
      if (!isOver(signal)) this.#confirmations.ask();
    }
  }

  #onHint(hint: MoveHint): void {
    this.#transport = 'listening';
    this.#problemLog.recovered('source');
    if (hint.kind === 'pointer') this.#onPointer(hint.pointer);
    else if (hint.kind === 'gap') this.#confirmations.ask();
    else this.#onEvent(hint.event);
  }

  /**
   * Handles an event from a broker. Anyone with write access to the broker can send one. The event therefore
   * has no effect until the API confirms it.
   */
  #onEvent(event: unknown): void {
    const classified = classifyEvent(event, this.#deps.pointer);
    if (classified.kind === 'elsewhere')
      return this.#problemLog.ignore('elsewhere', 'it is for another pointer');
    if (classified.kind === 'garbage') return this.#problemLog.ignore('garbage', classified.reason);
    if (this.#isAhead(classified.generation)) return this.#confirmations.ask(classified.generation);
    // An event of the running generation is a normal repetition. Only older events are counted as ignored.
    if (classified.generation < this.#running().generation)
      this.#problemLog.ignore('older', 'it is outdated');
  }

  #onPointer({ generation, version, digest }: Pointer): void {
    this.#contactAtMs = Date.now();
    this.#problemLog.recovered('pointer');
    const runs = this.#running();
    if (generation >= runs.generation && generation >= this.#floor) this.#olderInARow = 0;
    if (generation === runs.generation && digest === runs.digest) {
      this.#confirmedAtMs = performance.now();
      return;
    }
    if (version === null || digest === null) return this.#refuseOlder(generation);
    if (this.#isAhead(generation)) return this.#catchUp.want({ generation, version, digest });
    if (generation < runs.generation || this.current === null) return this.#refuseOlder(generation);
    this.#problemLog.ignore(
      'false',
      `generation ${generation} is reported with ${digest}, but ${runs.digest} is running`,
    );
  }

  #refuseOlder(generation: number): void {
    const highest = Math.max(this.#running().generation, this.#floor);
    if (highest === 0) return;
    this.#problemLog.ignore('older', `generation ${generation} is outdated`);
    // A single older pointer may come from a delayed response. If the API has lost data, it returns an older
    // pointer each time. The problem is therefore reported only after several older pointers in a row.
    if (++this.#olderInARow < OLDER_RESPONSES_TOLERATED && this.current !== null) return;
    const message = `the control plane is at generation ${generation}, but ${highest} has run here. Check that the URL is that of the same control plane, and that its data was not lost.`;
    this.#problemLog.failed('pointer', { message });
  }

  #isAhead(generation: number): boolean {
    return this.current === null ? generation >= this.#floor : generation > this.current.generation;
  }

  async #fetchAndSwap(target: Target, signal: AbortSignal): Promise<void> {
    const { cache, plane, pointer } = this.#deps;
    const content = await cache.load(target.digest, { tenant: pointer.tenant, plane }, signal);
    this.#problemLog.recovered('artifact');
    await this.#persist(content, target, signal);
    if (signal.aborted || !this.#isAhead(target.generation)) return;
    this.#confirmedAtMs = performance.now();
    this.#swap(bundleAt(target, content), content);
    this.#acknowledger?.changed();
  }

  /**
   * Writes the bundle to disk before it becomes the running one, so that a later start does not go back to an
   * older bundle. If the disk is full or slow, the bundle runs anyway.
   */
  async #persist(content: BundleContent, target: Target, signal: AbortSignal): Promise<void> {
    const { cache, pointer } = this.#deps;
    const { generation, version } = target;
    const { done, soon } = cache.persist(content, pointer, { generation, version });
    void done.then(
      () => {
        this.#onDisk = Math.max(this.#onDisk, generation);
        this.#problemLog.recovered('disk');
      },
      (error: unknown) =>
        this.#problemLog.failed('disk', { message: `not written to disk: ${reasonOf(error)}` }),
    );
    await orAborted(soon, signal);
  }

  #swap(bundle: Bundle, content: BundleContent): void {
    const previous = this.current;
    this.#content = content;
    this.current = bundle;
    this.#started.resolve();
    if (previous === null) return;
    for (const listener of this.#listeners) {
      try {
        listener(bundle, previous);
      } catch (error) {
        // If one listener throws, the other listeners and the follower continue.
        this.#deps.log?.warn({ ...this.#deps.pointer, err: error }, 'a listener threw');
      }
    }
  }

  #running(): AcknowledgementBody {
    return { generation: this.current?.generation ?? 0, digest: this.#content?.digest ?? null };
  }

  #onAcknowledged(found: Pointer, { generation }: AcknowledgementBody): void {
    this.#acknowledged = generation;
    this.#problemLog.recovered('acknowledgement');
    this.#onPointer(found);
  }
}
