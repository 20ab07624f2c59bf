import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  FollowerName,
  TenantName,
} from '@pointsman/protocol/identifiers';
import { artifactCache } from './cache/artifact-cache.ts';
import type { Bundle } from './cache/bundle.ts';
import { controlPlane } from './control-plane.ts';
import type { Connection } from './http-request.ts';
import { FollowFailure } from './failure.ts';
import { FollowedPointer } from './followed-pointer.ts';
import { followLimits } from './limits.ts';
import { longPoll } from './hints/long-poll.ts';
import type { MoveHints } from './hints/move-hints.ts';
import { serverSentEvents } from './hints/server-sent-events.ts';
import type { FollowerLog, FollowerStatus } from './status.ts';

export interface FollowerOptions extends Connection {
  readonly tenant: string;
  readonly bundle: string;
  /** Default: `live`. */
  readonly channel?: string;
  /** The name of this process in the list of followers. It must be unique. */
  readonly name: string;
  /** The folder for artifacts. All followers of one machine and one control plane may share it. */
  readonly folder: string;
  /** The source of move hints. Default: a long-poll of the control plane. */
  readonly source?: 'long-poll' | 'server-sent-events' | MoveHints;
  readonly log?: FollowerLog;
  /** How long opening waits when the disk has no bundle. */
  readonly startMs?: number;
}

/** Keeps a pointer's verified bundle in memory, and never goes back a generation. */
export interface Follower {
  /** The running bundle. It is replaced as a whole: read it once for each piece of work, or `pin` it. */
  readonly current: Bundle;
  /**
   * The bundle for a session that must end with the bundle that it started with. It stays valid while it is
   * referenced.
   */
  pin(): Bundle;
  /** Calls the listener after each change, until the returned function is called. */
  onChange(listener: (bundle: Bundle, previous: Bundle) => void): () => void;
  status(): FollowerStatus;
  /** Stops following. `current` stays available. */
  close(): Promise<void>;
}

/**
 * Starts to follow. A bundle on disk is served immediately, even if the control plane is unreachable. Without
 * one, it resolves when the first bundle has arrived. Throws {@link FollowFailure}, and stops, when no bundle
 * arrives within `startMs`.
 */
export async function openFollower(options: FollowerOptions): Promise<Follower> {
  const pointer = {
    tenant: TenantName.parse(options.tenant),
    bundle: BundleName.parse(options.bundle),
    channel: ChannelName.parse(options.channel ?? DEFAULT_CHANNEL),
  };
  const connection = { url: options.url, token: options.token };
  const plane = controlPlane(connection, pointer);
  const { source = 'long-poll' } = options;
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

const HTTP_SOURCES = { 'long-poll': longPoll, 'server-sent-events': serverSentEvents } as const;

/** After the start a bundle always exists. The type of a starting follower can't express this. */
function asFollower(followed: FollowedPointer): Follower {
  if (followed.current === null) throw new Error('the follower has not started');
  return followed as FollowedPointer & { readonly current: Bundle };
}
