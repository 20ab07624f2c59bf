import { InvalidArgumentError, Option } from 'commander';

import { duration as durationWithin, durationMs, durationText } from '@pointsman/protocol/time/duration';
import { FeedCursorText } from '@pointsman/protocol/moves/feed-cursor';
import {
  Digest,
  Generation,
  parseReleaseKey,
  type ReleaseId,
  Version,
  GateName,
} from '@pointsman/protocol/identifiers';
import { IdempotencyKeyText } from '@pointsman/protocol/idempotency-key';
import { Instant } from '@pointsman/protocol/time/instant';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../limits.ts';
import { requestLimits } from '@pointsman/protocol/limits';
import { firstMessage } from '@pointsman/protocol/json/schema-issues';

/** Parses a version such as `12` or `v12`. Throws an InvalidArgumentError, which commander prints. */
export function version(text: string): number {
  const parsed = Version.safeParse(whole(text.replace(/^v/, '')));
  if (!parsed.success) throw new InvalidArgumentError('A version is a number from 1, such as 12 or v12.');
  return parsed.data;
}

/** Parses the name of a release: its version, or its full name as in logs and lists. */
export function release(text: string): NamedRelease {
  const [, tenant, bundle, number] = /^([^/:]+)[/:]([^/:]+)[/:](v[0-9]+)$/.exec(text) ?? [];
  if (tenant === undefined || bundle === undefined || number === undefined) return { version: version(text) };
  const named = parseReleaseKey(`${tenant}/${bundle}/${number}`);
  if (named === null)
    throw new InvalidArgumentError('A release is written as 12, v12 or acme:support-bot:v12.');
  return named;
}

/**
 * A release as the user named it. If the tenant or the bundle is missing, it comes from the options or the
 * environment.
 */
export type NamedRelease = Partial<ReleaseId> & Pick<ReleaseId, 'version'>;

/** Parses the generation of a pointer. */
export function generation(text: string): number {
  const parsed = Generation.safeParse(whole(text));
  if (!parsed.success) throw new InvalidArgumentError('A generation is a number from 0.');
  return parsed.data;
}

/** Parses a position in a tenant's feed: a cursor from the API such as `acme:17`, or only its number. */
export function cursor(text: string): string {
  if (FeedCursorText.safeParse(text).success || Number.isSafeInteger(whole(text))) return text;
  throw new InvalidArgumentError('It must be a cursor of the feed, such as acme:17, or its number.');
}

/** Parses the sequence number of a move in its tenant's feed. */
export function feedNumber(text: string): number {
  const seq = whole(text);
  if (!Number.isSafeInteger(seq) || seq < 1) throw new InvalidArgumentError('It must be a number from 1.');
  return seq;
}

/** Parses the maximum number of rows to show. */
export function rowCount(text: string): number {
  const rows = whole(text);
  const most = clientLimits.pages * clientLimits.pageRows;
  if (!(rows >= 1 && rows <= most)) throw new InvalidArgumentError(`It must be a number from 1 to ${most}.`);
  return rows;
}

/** Parses a duration such as `90s`, `30m`, `2h` or `7d`. Returns milliseconds. */
export function duration(text: string): number {
  if (Wait.safeParse(text).success) return durationMs(text);
  throw new InvalidArgumentError(
    `A duration is written as 90s, 30m, 2h or 1d, and is at most ${durationText(cliLimits.longestWaitMs)}.`,
  );
}

const Wait = durationWithin({ minMs: 1_000, maxMs: cliLimits.longestWaitMs });

/**
 * Parses a time with its UTC offset, or a time relative to now such as `2h`. Returns the time in ISO 8601, as
 * the API expects it.
 */
export function timeAhead(text: string): string {
  if (Instant.safeParse(text).success) return new Date(text).toISOString();
  if (Ahead.safeParse(text).success) return new Date(Date.now() + durationMs(text)).toISOString();
  throw new InvalidArgumentError(
    'It must be a time with its offset, such as 2026-12-24T07:00:00Z, or relative, such as 90s, 30m, 2h or 7d.',
  );
}

const Ahead = durationWithin({ minMs: 1_000, maxMs: requestLimits.scheduleMs });

/** Creates the option `--timeout` of the commands that wait for a release. */
export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait; then the exit code is 10')
    .argParser(duration)
    .default(cliLimits.waitMs, '30m');
}

/** Accepts any text that is not empty. */
export function sentence(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** Parses the digest of an artifact. */
export function digest(text: string): string {
  const parsed = Digest.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('A digest is "sha256:" and 64 hex digits.');
  return parsed.data;
}

/** Parses the name of a gate or a check. */
export function gateName(text: string): string {
  const parsed = GateName.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`${firstMessage(parsed)}.`);
}

/** Parses the value of the `Idempotency-Key` header. */
export function idempotencyKey(text: string): string {
  const parsed = IdempotencyKeyText.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`It ${firstMessage(parsed)}.`);
}

function whole(text: string): number {
  return /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
}
