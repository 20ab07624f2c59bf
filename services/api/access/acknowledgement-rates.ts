import { followerLimits } from '@pointsman/protocol/limits';
import { acknowledgementRate, tokenAcknowledgementRate } from '../limits.ts';
import { TokenBuckets } from './token-buckets.ts';

/** The sender of an acknowledgement. */
interface Acknowledger {
  /** The id of the token. */
  readonly token: string;
  /** The follower with its tenant and its channel. The sender chooses it. */
  readonly follower: string;
}

/**
 * Limits how often followers may acknowledge: each one, and all followers of a token together, because a token can name any number of them.
 */
export class AcknowledgementRates {
  /** The key contains the token: two tokens may each have a follower of the same name, and each of them has its own limit. */
  readonly #followers = new TokenBuckets(acknowledgementRate);
  readonly #tokens = new TokenBuckets(tokenAcknowledgementRate);

  /**
   * Counts one acknowledgement. Returns the reason of a refusal, or null. An acknowledgement over its follower's limit does not count for
   * the token.
   */
  refusal({ token, follower }: Acknowledger, nowMs: number): string | null {
    if (!this.#followers.take(`${token} ${follower}`, nowMs))
      return `A follower may acknowledge at most ${followerLimits.acknowledgementsPerMinute} times a minute. Send heartbeats every 30 seconds.`;
    if (!this.#tokens.take(token, nowMs))
      return `All followers of one token together may acknowledge at most ${followerLimits.acknowledgementsPerTokenMinute} times a minute. Use a separate token for each fleet.`;
    return null;
  }
}
