import { createHash } from 'node:crypto';

/** Returns the SHA-256 digest of the content, in the form `sha256:<hex>`. A string is encoded as UTF-8. */
export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
