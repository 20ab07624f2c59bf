import type { LoggerTransport } from '@restatedev/restate-sdk';
import type { Logger } from 'pino';

import { correlationId, parseReleaseKey } from '@pointsman/protocol/identifiers';

/**
 * The start of the SDK's warning about a missing identity key. The SDK logs it twice, for HTTP/1 and for HTTP/2. It
 * is suppressed, because the worker logs its own warning, which also explains the fix.
 */
const NO_KEY = 'Accepting requests without validating request signatures';

/**
 * The log levels of the SDK that are used unchanged in the worker's log. All other levels become `debug`, because the
 * SDK logs an `info` line for every attempt.
 */
const LEVELS: Readonly<Record<string, 'error' | 'warn'>> = { error: 'error', warn: 'warn' };

/**
 * Returns a logger for the SDK that writes to the worker's log. It adds the correlation ID of the release to each
 * message.
 */
export function restateLog(log: Logger): LoggerTransport {
  return (metadata, message, ...more) => {
    if (metadata.replaying || String(message).startsWith(NO_KEY)) return;
    const level = LEVELS[metadata.level] ?? 'debug';
    const key = metadata.context?.key;
    const context = {
      invocation: metadata.context?.invocationId,
      target: metadata.context?.invocationTarget,
      key,
      correlationId: key === undefined ? undefined : releaseOf(key),
    };
    const words: unknown[] = [message, ...(more as unknown[])];
    log[level](context, words.map(String).join(' '));
  };
}

/**
 * Returns the correlation ID of the release that an object key contains. The key of a callout begins with the key of
 * its release. Returns undefined for a key without a release, such as the key of a tenant.
 */
function releaseOf(key: string): string | undefined {
  const release = parseReleaseKey(key.split('/').slice(0, 3).join('/'));
  return release === null ? undefined : correlationId(release);
}
