import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  FollowerName,
  TenantName,
} from '@pointsman/protocol/identifiers';
import { artifactCache } from './cache/artifact-cache.ts';
import type { Bundle } from './cache/bundle.ts';
import { controlPlane, type ControlPlane } from './control-plane.ts';
import type { Connection } from './http-request.ts';
import { FollowFailure } from './failure.ts';
import { FollowedPointer } from './followed-pointer.ts';
import { followLimits } from './limits.ts';
import { longPoll } from './hints/long-poll.ts';
import type { MoveHints } from './hints/move-hints.ts';
import { serverSentEvents } from './hints/server-sent-events.ts';
import { streamOrPoll } from './hints/stream-or-poll.ts';
import type { FollowerLog, FollowerStatus } from './status.ts';

export interface FollowerOptions extends Connection {
  readonly tenant: string;
  readonly bundle: string;
  /** The channel to follow. Default: `live`. */
  readonly channel?: string;
  /** The name of this process in the API's list of followers. It must be unique. */
  readonly name: string;
  /**
   * The folder in which artifacts are cached. All followers on one machine may share it if they use the same
   * API.
   */
  readonly folder: string;
  /**
   * How the follower is notified of moves. Default: `api`, which reads an event stream of the API, and
   * long-polls the API if a proxy holds the events back. `server-sent-events` and `long-poll` use only one of
   * these.
   */
  readonly source?: 'api' | 'server-sent-events' | 'long-poll' | MoveHints;
  readonly log?: FollowerLog;
  /**
   * The maximum time in milliseconds that `openFollower` waits for the first bundle, if the disk contains no
   * bundle.
   */
  readonly startMs?: number;
}

/** Keeps the current, verified bundle of a pointer in memory. It never goes back to an older generation. */
export interface Follower {
  /**
   * The running bundle. A move replaces the whole object. Read this property once for each unit of work, or
   * use `pin`.
   */
  readonly current: Bundle;
  /**
   * Returns the running bundle, for a session that must use the same bundle from start to end. The bundle
   * stays valid as long as it is referenced.
   */
  pin(): Bundle;
  /**
   * Registers a listener that is called after each change of the bundle. Returns a function that removes the
   * listener.
   */
  onChange(listener: (bundle: Bundle, previous: Bundle) => void): () => void;
  status(): FollowerStatus;
  /** Stops following the pointer. `current` keeps its last value. */
  close(): Promise<void>;
}

/**
 * Starts to follow a pointer. If a bundle is on disk, resolves immediately, even if the API is unreachable.
 * Otherwise, resolves when the first bundle has been fetched. If that takes longer than `startMs`, stops and
 * throws {@link FollowFailure}.
 */
export async function openFollower(options: FollowerOptions): Promise<Follower> {
  const pointer = {
    tenant: TenantName.parse(options.tenant),
    bundle: BundleName.parse(options.bundle),
    channel: ChannelName.parse(options.channel ?? DEFAULT_CHANNEL),
  };
  const connection = { url: options.url, token: options.token };
  const plane = controlPlane(connection, pointer);
  const { source = 'api' } = options;
  const followed = new FollowedPointer({
    pointer,
    connection,
    plane,
    name: FollowerName.parse(options.name),
    cache: artifactCache(options.folder),
    source: typeof source === 'function' ? source : HTTP_SOURCES[source](plane),
    log: options.log,
  });
  await followed.start();
  if (await followed.hasStarted(options.startMs ?? followLimits.startMs)) return asFollower(followed);
  const { lastError } = followed.status();
  await followed.close();
  const { tenant, bundle, channel } = pointer;
  const why = lastError?.message ?? 'no release was published to it';
  throw new FollowFailure('later', `no bundle of ${tenant}/${bundle}/${channel} is available: ${why}`);
}

const HTTP_SOURCES = {
  api: streamOrPoll,
  'server-sent-events': (plane: ControlPlane) => serverSentEvents(plane),
  'long-poll': (plane: ControlPlane) => longPoll(plane),
} as const;

/** Narrows the type of `current`. After a successful start, it is never null. */
function asFollower(followed: FollowedPointer): Follower {
  if (followed.current === null) throw new Error('the follower has not started');
  return followed as FollowedPointer & { readonly current: Bundle };
}
