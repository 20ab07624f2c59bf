import { randomUUID } from 'node:crypto';
import { Option } from 'commander';

import { mayHaveArrived } from './failures.ts';
import { idempotencyKey } from './option-values.ts';

/** `--idempotency-key` of everything that is said once, however often it is repeated. */
export function sayOnceOption(): Option {
  return new Option('--idempotency-key <key>', 'say it once, however often this is repeated').argParser(
    idempotencyKey,
  );
}

/**
 * Says something under that key, or one of its own. When nobody knows whether it was heard, the failure says how to find out: a word that
 * is said again under another key is a second word, and is refused where the first one stands.
 *
 * @param same options that the repeated command needs to be the same request
 */
export async function sayOnce<T>(
  given: string | undefined,
  same: string,
  say: (headers: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const key = given ?? randomUUID();
  try {
    return await say({ 'idempotency-key': key });
  } catch (error) {
    if (mayHaveArrived(error)) {
      error.hints.push(
        'It may have been heard all the same.',
        `Repeat the command with --idempotency-key ${key}${same}: it is heard once.`,
      );
    }
    throw error;
  }
}
