import type { LoggerTransport } from '@restatedev/restate-sdk';
import type { Logger } from 'pino';

import { correlationId, parseReleaseKey } from '@pointsman/protocol/identifiers';

/**
 * The SDK's warning about a missing key. The SDK logs it once for HTTP/1 and once for HTTP/2. The worker logs its own
 * warning instead, which includes the fix.
 */
const NO_KEY = 'Accepting requests without validating request signatures';

/** The SDK logs one "info" line per attempt, which is useful only for debugging. */
const LEVELS: Readonly<Record<string, 'error' | 'warn'>> = { error: 'error', warn: 'warn' };

/** Writes the SDK's messages to the worker's log, each with the correlation ID of its release. */
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
 * Extracts the release from an object key. The key of a callout begins with the key of its release. The key of a tenant
 * contains no release.
 */
function releaseOf(key: string): string | undefined {
  const release = parseReleaseKey(key.split('/').slice(0, 3).join('/'));
  return release === null ? undefined : correlationId(release);
}
