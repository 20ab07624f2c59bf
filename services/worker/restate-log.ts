import type { LoggerTransport } from '@restatedev/restate-sdk';
import type { Logger } from 'pino';

import { correlationId, parseReleaseKey } from '../../core/identifiers.ts';

/** The SDK's word on a missing key, once for HTTP/1 and once for HTTP/2. The worker says it itself, with what to do. */
const NO_KEY = 'Accepting requests without validating request signatures';

/** "info" is one line an attempt: of use only to whoever debugs. */
const LEVELS: Readonly<Record<string, 'error' | 'warn'>> = { error: 'error', warn: 'warn' };

/** The SDK's own words, in our log's form, each with the release that it is about. */
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

/** A callout's key begins with that of its release; a tenant's names none. */
function releaseOf(key: string): string | undefined {
  const release = parseReleaseKey(key.split('/').slice(0, 3).join('/'));
  return release === null ? undefined : correlationId(release);
}
