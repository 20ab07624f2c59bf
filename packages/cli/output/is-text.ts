import { isUtf8 } from 'node:buffer';

/** Returns whether the bytes are text. As in many tools, text is valid UTF-8 without NUL. */
export function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}
