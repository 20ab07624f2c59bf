import { createHash } from 'node:crypto';

/** The content address of bytes: `sha256:<hex>`. A string is hashed as its UTF-8 bytes. */
export function digestOf(content: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
