import { gunzipSync } from 'node:zlib';

import type { FuzzWorld } from './world.ts';
import { EVERYBODY, type Sender } from './tenants.ts';

/** Far more than any answer of a run holds. */
const MOST_BYTES = 64 * 1024 * 1024;

/** What a request says of itself. */
export interface Carried {
  readonly sender: Sender;
  readonly opens: string | null;
  readonly path: string;
  readonly body: string | Uint8Array | null;
}

/**
 * Finds a text of another tenant in an answer. The request's own path and body may be repeated in the answer, so a text that the request
 * carries does not count. Requests carry names, ids and digests of one other tenant at most. They never carry its marker, which is in all of its
 * content and in the names of its other things, nor its tokens and secrets.
 *
 * @returns the tenant and the text; null when there is none, or the sender may see every tenant
 */
export function foreignText(
  { secrets }: Pick<FuzzWorld, 'secrets'>,
  { sender, opens, path, body }: Carried,
  answer: string,
): string | null {
  if (sender.tenant === EVERYBODY) return null;
  const sent = `${path} ${typeof body === 'string' ? body : ''}`;
  const isCarried = (text: string): boolean => sent.includes(text) || sent.includes(encodeURIComponent(text));
  for (const [tenant, texts] of secrets) {
    if (tenant === sender.tenant || tenant === opens) continue;
    const found = texts.find((text) => answer.includes(text) && !isCarried(text));
    if (found !== undefined) return `${tenant}: ${found}`;
  }
  return null;
}

/** The text of a body. An archive is unpacked, since nothing would be found in it otherwise. */
export function searchable(bytes: Buffer): string {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip) return bytes.toString('latin1');
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString('latin1');
  } catch {
    // Cut off: the request was for a part of it, or its capability ended meanwhile.
    return bytes.toString('latin1');
  }
}
