import { PointsmanError } from '@pointsman/protocol/errors';
import type { Pointer } from '@pointsman/protocol/moves/pointer';
import { type QuotaExceeded, quotaError } from '@pointsman/protocol/quota';
import { similarName } from '../../../core/moves/similar-name.ts';
import { unknownChannel } from '../../../core/moves/unknown-channel.ts';
import { notFound } from './not-found.ts';

/** The refusals that several handlers of the tenant's object can return. */
export type Refusal =
  | { readonly kind: 'stale'; readonly pointer: Pointer }
  | { readonly kind: 'held'; readonly reason: string }
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'too_many_channels'; readonly limit: number }
  | QuotaExceeded
  | { readonly kind: 'overtaken'; readonly version: number | null }
  | { readonly kind: 'no_tenant' };

/** Converts a refusal of the tenant's object into an error. */
export function refusal(answer: Refusal, tenant: string): PointsmanError {
  switch (answer.kind) {
    case 'stale':
      return movedOn(answer.pointer);
    case 'held':
      return new PointsmanError('held', `The pointer is held: "${answer.reason}". Lift the hold first.`, {
        details: { reason: answer.reason },
      });
    case 'key_reused':
      return new PointsmanError(
        'idempotency_key_reused',
        'The Idempotency-Key was already used for a different request. Use a new key.',
      );
    case 'too_many_channels':
      return new PointsmanError('conflict', `The bundle has ${answer.limit} channels, which is the maximum.`);
    case 'overtaken':
      return new PointsmanError('conflict', 'A later push of the same hook was already received.', {
        details: { version: answer.version },
      });
    case 'quota_exceeded':
      return quotaError(answer);
    case 'no_tenant':
      return notFound(`The tenant "${tenant}" does not exist.`);
  }
}

/** Returns the error for a channel that does not exist in the bundle. */
export function noChannel(
  pointer: { readonly bundle: string; readonly channel: string },
  { channels }: { readonly channels: readonly string[] },
): PointsmanError {
  return new PointsmanError('unknown_channel', unknownChannel(pointer, channels), {
    details: { channels, meant: similarName(pointer.channel, channels) },
  });
}

/** Returns the error for a pointer that has moved since the generation in the caller's `If-Match` header. */
export function movedOn(pointer: Pointer): PointsmanError {
  return new PointsmanError(
    'pointer_moved',
    `The pointer is now at generation ${pointer.generation}. Review the change, then retry with that generation in If-Match.`,
    {
      details: { pointer },
    },
  );
}
