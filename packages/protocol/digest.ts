import { createHash } from 'node:crypto';

/** Returns the content address of bytes: `sha256:<hex>`. A string is encoded as UTF-8. */
export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
