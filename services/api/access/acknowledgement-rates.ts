import { followerLimits } from '@pointsman/protocol/limits';
import { acknowledgementRate, tokenAcknowledgementRate } from '../limits.ts';
import { TokenBuckets } from './token-buckets.ts';

/** The sender of an acknowledgement: a runtime that follows a pointer and reports the generation that it runs. */
interface Acknowledger {
  /** The ID of the token with which the acknowledgement was sent. */
  readonly token: string;
  /** The name of the follower, with its tenant and channel. The sender chooses the name. */
  readonly follower: string;
}

/**
 * Limits how many acknowledgements per minute each follower and each token may send. The limit per token covers all of its followers. It is
 * needed because one token can use any number of follower names.
 */
export class AcknowledgementRates {
  /** These limits apply per token and follower. Two followers with the same name but different tokens therefore have separate limits. */
  readonly #followers = new TokenBuckets(acknowledgementRate);
  readonly #tokens = new TokenBuckets(tokenAcknowledgementRate);

  /**
   * Counts one acknowledgement. Returns null if it is allowed, otherwise the reason for the refusal. An acknowledgement that exceeds the
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
