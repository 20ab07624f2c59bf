import { followerLimits } from '@pointsman/protocol/limits';
import { acknowledgementRate, tokenAcknowledgementRate } from '../limits.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Identifies the sender of an acknowledgement. */
interface Acknowledger {
  /** The ID of the sender's token. */
  readonly token: string;
  /** The name of the follower with its tenant and channel. The sender chooses it. */
  readonly follower: string;
}

/**
 * Limits the rate of acknowledgements per follower, and per token over all of its followers. The second limit is needed
 * because one token can name any number of followers.
 */
export class AcknowledgementRates {
  /** The key contains the token, so that two followers with the same name but different tokens have separate limits. */
  readonly #followers = new TokenBuckets(acknowledgementRate);
  readonly #tokens = new TokenBuckets(tokenAcknowledgementRate);

  /**
   * Counts one acknowledgement. Returns the reason if it is refused, otherwise null. An acknowledgement over its
   * follower's limit does not count towards the token's limit.
   */
  refusal({ token, follower }: Acknowledger, nowMs: number): string | null {
    if (!this.#followers.take(`${token} ${follower}`, nowMs))
      return `A follower may acknowledge at most ${followerLimits.acknowledgementsPerMinute} times a minute. Send heartbeats every 30 seconds.`;
    if (!this.#tokens.take(token, nowMs))
      return `All followers of one token together may acknowledge at most ${followerLimits.acknowledgementsPerTokenMinute} times a minute. Use a separate token for each fleet.`;
    return null;
  }
}
