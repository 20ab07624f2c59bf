import { randomUUID } from 'node:crypto';
import { Option } from 'commander';

import { mayHaveArrived } from '../failures.ts';
import { idempotencyKey } from './option-values.ts';

/** `--idempotency-key` of a command whose request has its effect once, however often it is repeated. */
export function idempotencyKeyOption(effect: 'say it' | 'publish'): Option {
  return new Option('--idempotency-key <key>', `${effect} once, however often this is repeated`).argParser(
    idempotencyKey,
  );
}

/** How a command is repeated whose response was lost. */
export interface Repetition {
  /** The key that was given, if any. */
  readonly key: string | undefined;
  /** Further options that make it the same request, with a space before them; empty when there are none. */
  readonly same: string;
  /** What may have happened although the response was lost. */
  readonly maybe: string;
  /** What a repetition does; follows the command in its sentence. */
  readonly repeated: string;
}

/** Of a decision on a gate, and of the report of a check. */
export const HEARD_ONCE = {
  maybe: 'It may have been heard all the same.',
  repeated: ': it is heard once.',
} as const;

/**
 * Sends a request under its key, or a new one. When the response was lost, the failure says how to repeat the command under the same key:
 * under another key it would be a second request.
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
