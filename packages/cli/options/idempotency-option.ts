import { randomUUID } from 'node:crypto';
import { Option } from 'commander';

import { mayHaveArrived } from '../failures.ts';
import { idempotencyKey } from './option-values.ts';

/** Creates the option `--idempotency-key`. Several requests with the same key take effect only once. */
export function idempotencyKeyOption(effect: 'decide' | 'report' | 'publish'): Option {
  return new Option(
    '--idempotency-key <key>',
    `${effect} at most once, even if the command is repeated`,
  ).argParser(idempotencyKey);
}

/** Describes how the user can repeat a command whose response was lost. */
export interface Repetition {
  /** The idempotency key that the user gave. If it is undefined, a new one is generated. */
  readonly key: string | undefined;
  /**
   * Further options that the repeated command needs to send the same request. Each starts with a space. Empty
   * if none is needed.
   */
  readonly same: string;
  /** A sentence about the effect that the request may have had, although its response was lost. */
  readonly maybe: string;
  /** A sentence about the effect of repeating the command, printed after the command. */
  readonly repeated: string;
}

/** The sentences for a decision on a gate, or for the report of a check. */
export const RECORDED_ONCE = {
  maybe: 'It may have been recorded.',
  repeated: '. It is recorded at most once.',
} as const;

/**
 * Sends a request with the idempotency key of the user, or with a new one. If the response is lost, the error
 * shows the command that repeats the request with the same key. With another key, it could take effect twice.
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
