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
  /** How long `openFollower` waits for the first bundle if the disk has none, in milliseconds. */
  readonly startMs?: number;
}

/** Keeps the current, verified bundle of a pointer in memory. Never goes back to an older generation. */
export interface Follower {
  /**
   * The running bundle. A move replaces the whole object, so read it once for each unit of work, or `pin` it.
   */
  readonly current: Bundle;
  /**
   * Returns the running bundle for a session that must use the same bundle from start to end. It stays valid
   * while it is referenced.
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

/** Narrows the type: after the start, a bundle always exists. */
function asFollower(followed: FollowedPointer): Follower {
  if (followed.current === null) throw new Error('the follower has not started');
  return followed as FollowedPointer & { readonly current: Bundle };
}
