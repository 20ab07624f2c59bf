import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  FollowerName,
  TenantName,
} from '../../core/identifiers.ts';
import { artifactCache } from './artifact-cache.ts';
import type { Bundle } from './bundle.ts';
import { controlPlane } from './control-plane.ts';
import type { Connection } from './http-ask.ts';
import { FollowFailure } from './failure.ts';
import { FollowedPointer } from './followed-pointer.ts';
import { followLimits } from './limits.ts';
import { longPoll } from './long-poll.ts';
import type { MoveHints } from './move-hints.ts';
import { serverSentEvents } from './server-sent-events.ts';
import type { FollowerLog, FollowerStatus } from './status.ts';

export interface FollowerOptions extends Connection {
  readonly tenant: string;
  readonly bundle: string;
  /** `live` unless told. */
  readonly channel?: string;
  /** What this process is called in the list of followers. No two may have one name. */
  readonly name: string;
  /** Where artifacts are kept: shared by all followers of a machine, and of one control plane. */
  readonly folder: string;
  /** What tells of moves; the control plane itself by long-poll unless told. */
  readonly source?: 'long-poll' | 'server-sent-events' | MoveHints;
  readonly log?: FollowerLog;
  /** How long opening waits when there is nothing on disk to begin with. */
  readonly startMs?: number;
}

/** Keeps in memory what a pointer names, checked to its last byte, and never goes back a generation. */
export interface Follower {
  /** What runs now. Replaced as a whole: read it once for each piece of work, or `pin` it. */
  readonly current: Bundle;
  /** The bundle for a session that is to end with what it began with. It is good for as long as somebody holds it. */
  pin(): Bundle;
  /** Calls back after each change, until the returned function is called. */
  onChange(listener: (bundle: Bundle, previous: Bundle) => void): () => void;
  status(): FollowerStatus;
  /** `current` stays as it is. */
  close(): Promise<void>;
}

/**
 * Begins to follow. What the disk has is served at once, whether or not the control plane answers; with nothing on disk it resolves once
 * the first bundle is there. Throws {@link FollowFailure}, and follows nothing, when there is none within `startMs`.
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
  if (await followed.hasBegun(options.startMs ?? followLimits.startMs)) return asFollower(followed);
  const { lastError } = followed.status();
  await followed.close();
  const { tenant, bundle, channel } = pointer;
  const why = lastError?.message ?? 'nothing was published to it';
  throw new FollowFailure('later', `there is nothing to serve of ${tenant}/${bundle}/${channel}: ${why}`);
}

const HTTP_SOURCES = { 'long-poll': longPoll, 'server-sent-events': serverSentEvents } as const;

/** Once begun there is always a bundle, which the type of what is still beginning cannot say. */
function asFollower(followed: FollowedPointer): Follower {
  if (followed.current === null) throw new Error('it has not begun');
  return followed as FollowedPointer & { readonly current: Bundle };
}
