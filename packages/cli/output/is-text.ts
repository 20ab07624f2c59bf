import { isUtf8 } from 'node:buffer';

/** Returns whether the bytes are text, by the usual rule of tools: valid UTF-8 without NUL. */
export function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}
