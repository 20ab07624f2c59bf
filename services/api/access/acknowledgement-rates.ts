import { followerLimits } from '../../../core/limits/distribution-limits.ts';
import { acknowledgementRate, tokenAcknowledgementRate } from '../limits.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Who acknowledges. */
interface Acknowledger {
  /** The id of the token. */
  readonly token: string;
  /** The follower with its tenant and its channel, which the sender chooses. */
  readonly follower: string;
}

/** How often followers may acknowledge: each one, and all of one token together, since a token can name as many as it likes. */
export class AcknowledgementRates {
  /** By token too: nobody uses up what a follower of the same name may send. */
  readonly #followers = new TokenBuckets(acknowledgementRate);
  readonly #tokens = new TokenBuckets(tokenAcknowledgementRate);

  /** Counts one acknowledgement; returns why it is refused, or null. One that its follower may not send takes nothing from the token. */
  refusal({ token, follower }: Acknowledger, nowMs: number): string | null {
    if (!this.#followers.take(`${token} ${follower}`, nowMs))
      return `A follower may acknowledge ${followerLimits.acknowledgementsPerMinute} times a minute.`;
    if (!this.#tokens.take(token, nowMs))
      return `The followers of one token may acknowledge ${followerLimits.acknowledgementsPerTokenMinute} times a minute together. Give each fleet a token of its own.`;
    return null;
  }
}
