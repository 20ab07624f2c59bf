import { PointsmanError } from '../../../core/errors.ts';
import type { Pointer } from '../../../core/moves/pointer.ts';
import { type QuotaExceeded, quotaError } from '../../../core/quota.ts';
import { similarName } from '../../../core/moves/similar-name.ts';
import { unknownChannel } from '../../../core/moves/unknown-channel.ts';
import { notFound } from './not-found.ts';

/** The refusals that several of the tenant's handlers share. */
export type Refusal =
  | { readonly kind: 'stale'; readonly pointer: Pointer }
  | { readonly kind: 'held'; readonly reason: string }
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'too_many_channels'; readonly limit: number }
  | QuotaExceeded
  | { readonly kind: 'overtaken'; readonly version: number | null }
  | { readonly kind: 'no_tenant' };

/** A refusal of the tenant's object as the problem that a client is told. */
export function refusal(answer: Refusal, tenant: string): PointsmanError {
  switch (answer.kind) {
    case 'stale':
      return movedOn(answer.pointer);
    case 'held':
      return new PointsmanError('held', `The pointer is held: ${answer.reason}`, {
        details: { reason: answer.reason },
      });
    case 'key_reused':
      return new PointsmanError(
        'idempotency_key_reused',
        'This Idempotency-Key came with another request before; use a new one.',
      );
    case 'too_many_channels':
      return new PointsmanError(
        'conflict',
        `A bundle may have ${answer.limit} channels, and this one has them.`,
      );
    case 'overtaken':
      return new PointsmanError('conflict', 'A later push has come before this one.', {
        details: { version: answer.version },
      });
    case 'quota_exceeded':
      return quotaError(answer);
    case 'no_tenant':
      return notFound(`There is no tenant "${tenant}".`);
  }
}

/** A channel that the bundle does not have, as the problem that a client is told. */
export function noChannel(
  pointer: { readonly bundle: string; readonly channel: string },
  { channels }: { readonly channels: readonly string[] },
): PointsmanError {
  return new PointsmanError('unknown_channel', unknownChannel(pointer, channels), {
    details: { channels, meant: similarName(pointer.channel, channels) },
  });
}

/** The pointer is elsewhere than `If-Match` says. */
export function movedOn(pointer: Pointer): PointsmanError {
  return new PointsmanError('pointer_moved', `The pointer is at generation ${pointer.generation}.`, {
    details: { pointer },
  });
}
