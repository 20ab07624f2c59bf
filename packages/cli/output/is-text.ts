import { isUtf8 } from 'node:buffer';

/** Whether the bytes are readable text: UTF-8 without NUL, the usual rule of tools. */
export function isText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}
