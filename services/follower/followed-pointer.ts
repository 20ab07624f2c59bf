import type { PointerId } from '../../core/identifiers.ts';
import type { Pointer } from '../../core/moves/pointer.ts';
import { type Acknowledger, startAcknowledger } from './acknowledger.ts';
import type { ArtifactCache } from './artifact-cache.ts';
import { type Bundle, bundleAt, type BundleContent } from './bundle.ts';
import { type CatchUp, catchUp, type Target } from './catch-up.ts';
import { type Confirmations, confirmations } from './confirmations.ts';
import type { Claim, ControlPlane } from './control-plane.ts';
import type { Connection } from './http-ask.ts';
import { failureOf, FollowFailure, reasonOf } from './failure.ts';
import { followLimits } from './limits.ts';
import { listen } from './listen.ts';
import { judgeEvent, type MoveHint, type MoveHints } from './move-hints.ts';
import { type FollowerLog, type FollowerStatus, Troubles } from './status.ts';
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

const OLDER_IS_NO_ACCIDENT = 3;

/**
 * One pointer, followed. Everything that may tell of a move (the source of hints, the slow poll, the answer to an acknowledgement) ends in
 * `#heard` with the control plane's own word, and from there every move takes one way: fetched, checked, kept on disk, swapped.
 */
export class FollowedPointer {
  /** A plain property, so that reading it costs what reading a property costs. */
  current: Bundle | null = null;

  readonly #parts: FollowedDeps;
  readonly #end = new AbortController();
  readonly #began = Promise.withResolvers<void>();
  readonly #troubles: Troubles;
  readonly #catchUp: CatchUp;
  readonly #confirmations: Confirmations;
  readonly #listeners = new Set<(bundle: Bundle, previous: Bundle) => void>();
  /** Keeps in the cache what `current` was made of. */
  #content: BundleContent | null = null;
  /** Has run here before, by what the disk says: below it is the past. */
  #floor = 0;
  #onDisk = 0;
  #olderInARow = 0;
  #acknowledged: number | null = null;
  #acknowledger: Acknowledger | null = null;
  #transport: FollowerStatus['transport'] = 'listening';
  #contactAtMs: number | null = null;
  #confirmedAtMs: number | null = null;
  #loops: readonly Promise<void>[] = [];

  constructor(parts: FollowedDeps) {
    const { pointer, name, log } = parts;
    const { signal } = this.#end;
    this.#parts = parts;
    this.#troubles = new Troubles(log, { ...pointer, follower: name });
    this.#catchUp = catchUp({
      isAhead: (generation) => this.#isAhead(generation),
      bring: (target, overtaken) => this.#bring(target, overtaken),
      onFailure: (failure) => this.#troubles.failed('artifact', failure),
      signal,
    });
    this.#confirmations = confirmations({
      ...parts,
      onPointer: (found) => this.#heard(found),
      onUnconfirmed: (generation) =>
        this.#troubles.ignore('false', `somebody told of generation ${generation}, which there is not`),
      onFailure: (failure) => this.#troubles.failed('pointer', failure),
      signal,
    });
  }

  /** Serves what the disk has, then begins to follow. */
  async start(): Promise<void> {
    await this.#startFromDisk();
    const { source, plane, name } = this.#parts;
    const { signal } = this.#end;
    this.#acknowledger = startAcknowledger({
      plane,
      name,
      claim: () => this.#claim(),
      onPointer: (found, said) => this.#acknowledgedAs(found, said),
      onFailure: (failure) => this.#troubles.failed('acknowledgement', failure),
      signal,
    });
    const listening = listen({
      source,
      onOpen: () => this.#confirmations.ask(),
      onHint: (hint) => this.#hinted(hint),
      onFailure: (failure) => {
        this.#transport = 'retrying';
        this.#troubles.failed('source', failure);
      },
      signal,
    });
    this.#loops = [this.#acknowledger.ended, listening, this.#poll()];
  }

  /** Whether there is something to serve, at the latest when the time is over. */
  async hasBegun(withinMs: number): Promise<boolean> {
    const late = new AbortController();
    await Promise.race([this.#began.promise, pause(withinMs, late.signal)]);
    late.abort();
    return this.current !== null;
  }

  pin(): Bundle {
    if (this.current === null) throw new Error('there is nothing to pin yet');
    return this.current;
  }

  onChange(listener: (bundle: Bundle, previous: Bundle) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): FollowerStatus {
    const { generation, digest } = this.#claim();
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
      ...this.#troubles.seen,
    };
  }

  async close(): Promise<void> {
    this.#end.abort(new FollowFailure('later', 'the follower was closed'));
    const ended = Promise.allSettled([...this.#loops, this.#catchUp.idle(), this.#confirmations.idle()]);
    // A source of somebody else's may not listen to its signal.
    const late = new AbortController();
    await Promise.race([ended, pause(followLimits.closeMs, late.signal)]);
    late.abort();
  }

  /**
   * What ran last, or nothing: an older artifact that is whole would be a step back. One that is damaged is fetched again like any that
   * is missing.
   */
  async #startFromDisk(): Promise<void> {
    const { cache, pointer } = this.#parts;
    const good = await cache.findLastGood(pointer);
    if (good === null) return;
    try {
      const content = await cache.load(good.digest, null, this.#end.signal);
      this.#onDisk = good.generation;
      this.#swap(bundleAt(good, content), content);
    } catch (error) {
      this.#floor = good.generation;
      this.#troubles.failed('disk', failureOf(error));
    }
  }

  async #poll(): Promise<void> {
    const { signal } = this.#end;
    while (!isOver(signal)) {
      await pause(jittered(followLimits.pollMs), signal);
      if (!isOver(signal)) this.#confirmations.ask();
    }
  }

  #hinted(hint: MoveHint): void {
    this.#transport = 'listening';
    this.#troubles.well('source');
    if (hint.kind === 'pointer') this.#heard(hint.pointer);
    else if (hint.kind === 'gap') this.#confirmations.ask();
    else this.#told(hint.event);
  }

  /** An event may be anybody's who reaches the broker. It is believed when the control plane says the same. */
  #told(event: unknown): void {
    const judged = judgeEvent(event, this.#parts.pointer);
    if (judged.kind === 'elsewhere') return this.#troubles.ignore('elsewhere', 'it is of another pointer');
    if (judged.kind === 'garbage') return this.#troubles.ignore('garbage', judged.reason);
    if (this.#isAhead(judged.generation)) return this.#confirmations.ask(judged.generation);
    // Told again, as it may be.
    if (judged.generation < this.#claim().generation) this.#troubles.ignore('older', 'it is the past');
  }

  #heard({ generation, version, digest }: Pointer): void {
    this.#contactAtMs = Date.now();
    this.#troubles.well('pointer');
    const runs = this.#claim();
    if (generation >= runs.generation && generation >= this.#floor) this.#olderInARow = 0;
    if (generation === runs.generation && digest === runs.digest) {
      this.#confirmedAtMs = performance.now();
      return;
    }
    if (version === null || digest === null) return this.#refuseOlder(generation);
    if (this.#isAhead(generation)) return this.#catchUp.want({ generation, version, digest });
    if (generation < runs.generation || this.current === null) return this.#refuseOlder(generation);
    this.#troubles.ignore(
      'false',
      `generation ${generation} is said to be ${digest}, and ${runs.digest} runs`,
    );
  }

  #refuseOlder(generation: number): void {
    const highest = Math.max(this.#claim().generation, this.#floor);
    if (highest === 0) return;
    this.#troubles.ignore('older', `generation ${generation} is the past`);
    // An answer that was overtaken on its way says so once; a control plane that lost its record says it each time.
    if (++this.#olderInARow < OLDER_IS_NO_ACCIDENT && this.current !== null) return;
    const message = `the control plane is at generation ${generation}, and ${highest} has run here: is it the same one?`;
    this.#troubles.failed('pointer', { message });
  }

  #isAhead(generation: number): boolean {
    return this.current === null ? generation >= this.#floor : generation > this.current.generation;
  }

  async #bring(target: Target, signal: AbortSignal): Promise<void> {
    const { cache, plane, pointer } = this.#parts;
    const content = await cache.load(target.digest, { tenant: pointer.tenant, plane }, signal);
    this.#troubles.well('artifact');
    await this.#keep(content, target, signal);
    if (signal.aborted || !this.#isAhead(target.generation)) return;
    this.#confirmedAtMs = performance.now();
    this.#swap(bundleAt(target, content), content);
    this.#acknowledger?.changed();
  }

  /** Before it runs, so that no later start goes back behind it. A disk that is full or slow keeps nobody from running it. */
  async #keep(content: BundleContent, target: Target, signal: AbortSignal): Promise<void> {
    const { cache, pointer } = this.#parts;
    const { generation, version } = target;
    const { done, soon } = cache.keep(content, pointer, { generation, version });
    void done.then(
      () => {
        this.#onDisk = Math.max(this.#onDisk, generation);
        this.#troubles.well('disk');
      },
      (error: unknown) => this.#troubles.failed('disk', { message: `not kept on disk: ${reasonOf(error)}` }),
    );
    await orAborted(soon, signal);
  }

  #swap(bundle: Bundle, content: BundleContent): void {
    const previous = this.current;
    this.#content = content;
    this.current = bundle;
    this.#began.resolve();
    if (previous === null) return;
    for (const listener of this.#listeners) {
      try {
        listener(bundle, previous);
      } catch (error) {
        // Their mistake keeps neither the others from hearing nor us from following.
        this.#parts.log?.warn({ ...this.#parts.pointer, err: error }, 'a listener threw');
      }
    }
  }

  #claim(): Claim {
    return { generation: this.current?.generation ?? 0, digest: this.#content?.digest ?? null };
  }

  #acknowledgedAs(found: Pointer, said: Claim): void {
    this.#acknowledged = said.generation;
    this.#troubles.well('acknowledgement');
    this.#heard(found);
  }
}
