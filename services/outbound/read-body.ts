import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import type { OutboundHeaders } from './contract.ts';

type Read = { readonly body: Buffer } | { readonly problem: string; readonly tooLarge?: true };

/**
 * Reads and decodes a response body. Neither the compressed nor the decompressed size may exceed `maxBytes`. Reading
 * and decompression stop at the first byte over this limit. Rejects if the connection fails.
 */
export async function readBody(stream: Readable, headers: OutboundHeaders, maxBytes: number): Promise<Read> {
  const coding = String(headers['content-encoding'] ?? 'identity').toLowerCase();
  const isGzip = coding === 'gzip' || coding === 'x-gzip';
  const isTooLarge = Number(headers['content-length']) > maxBytes;
  if (isTooLarge || (!isGzip && coding !== 'identity')) {
    stream.on('error', () => {}).destroy();
    return isTooLarge ? TOO_LARGE : { problem: 'its response has an encoding that was not requested' };
  }
  const received = await receive(stream, maxBytes);
  if (received === null) return TOO_LARGE;
  return isGzip && received.length > 0 ? unpack(received, maxBytes) : { body: received };
}

const TOO_LARGE = { problem: 'its response is too large', tooLarge: true } as const;

async function receive(stream: Readable, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Returning ends the iteration of the stream, which closes the connection.
    if (bytes > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function unpack(packed: Buffer, maxBytes: number): Promise<Read> {
  try {
    return { body: await promisify(gunzip)(packed, { maxOutputLength: maxBytes }) };
  } catch (error) {
    const isTooLarge = error instanceof RangeError;
    return isTooLarge ? TOO_LARGE : { problem: 'its response is declared as gzip but is not valid gzip' };
  }
}
