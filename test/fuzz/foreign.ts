import { gunzipSync } from 'node:zlib';

import type { FuzzWorld } from './world.ts';
import { EVERYBODY, type Sender } from './tenants.ts';

/**
 * The maximum size of an unpacked response body that is searched. It is far above the size of any response in a run.
 */
const MOST_BYTES = 64 * 1024 * 1024;

/** The parts of a request that determine which texts its response may contain. */
export interface Carried {
  readonly sender: Sender;
  readonly opens: string | null;
  readonly path: string;
  readonly body: string | Uint8Array | null;
}

/**
 * Searches a response for texts that only another tenant has. A response may repeat the request's path and body, so
 * texts in those do not count. A request contains at most names, ids and digests of one other tenant. It never
 * contains that tenant's marker, which is part of all its content and names, or its tokens and secrets.
 * @returns the other tenant and the text; null if nothing was found, or if the sender may read every tenant
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

/**
 * The text of a response body. An archive is unpacked first, because its compressed bytes contain no readable text.
 */
export function searchable(bytes: Buffer): string {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip) return bytes.toString('latin1');
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString('latin1');
  } catch {
    // The archive is incomplete, because only a part was requested or its capability expired during the response.
    return bytes.toString('latin1');
  }
}
