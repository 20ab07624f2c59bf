import { randomUUID } from 'node:crypto';
import { Option } from 'commander';

import { mayHaveArrived } from '../failures.ts';
import { idempotencyKey } from './option-values.ts';

/** The option `--idempotency-key`. Requests with the same key take effect only once. */
export function idempotencyKeyOption(effect: 'decide' | 'report' | 'publish'): Option {
  return new Option(
    '--idempotency-key <key>',
    `${effect} at most once, even if the command is repeated`,
  ).argParser(idempotencyKey);
}

/** How to repeat a command whose response was lost. */
export interface Repetition {
  /** The key that was given, if any. */
  readonly key: string | undefined;
  /**
   * Further options that the repeated command needs to be the same request, each after a space. Empty if
   * there are none.
   */
  readonly same: string;
  /** Describes the effect that the request may have had although its response was lost. */
  readonly maybe: string;
  /** Describes the effect of repeating the command. Shown after the command. */
  readonly repeated: string;
}

/** The texts for a repeated decision on a gate, or a repeated check report. */
export const RECORDED_ONCE = {
  maybe: 'It may have been recorded.',
  repeated: '. It is recorded at most once.',
} as const;

/**
 * Sends a request under the given or a new key. If the response is lost, the error contains the command that
 * repeats the request with the same key. A new key would make it a second request.
 */
export async function sendOnce<T>(
  { key: given, same, maybe, repeated }: Repetition,
  send: (headers: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const key = given ?? randomUUID();
  try {
    return await send({ 'idempotency-key': key });
  } catch (error) {
    if (mayHaveArrived(error))
      error.hints.push(maybe, `Repeat the command with --idempotency-key ${key}${same}${repeated}`);
    throw error;
  }
}
