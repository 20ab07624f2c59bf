import type { Log } from '../log.ts';
import { ErrorReply, RESP_TYPES } from 'redis';
import { z } from 'zod';

import { digestOf } from '@pointsman/protocol/digest';
import type { PointerId } from '@pointsman/protocol/identifiers';
import { readManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import { bundleKey, CachedPointer, MANIFEST_FIELD, pointerKey } from '@pointsman/protocol/redis/cache-keys';
import { readerLimits } from './limits.ts';
import { redisRefusal } from './refusals.ts';
import { type RedisClient, RedisLostError, redisWriter } from './connection.ts';

/** Reads bundles from the Redis cache, without calling the API. Verifies every byte against the digests. */
export interface RedisBundleReader {
  /**
   * Returns the current bundle of the pointer. A bundle with a generation lower than `atLeast` is not
   * returned. The caller passes the generation that it already has, or of which it was notified. Never
   * rejects.
   */
  read(pointer: PointerId, options?: { atLeast?: number }): Promise<BundleRead>;
  close(): Promise<void>;
}

export type BundleRead =
  | { readonly kind: 'bundle'; readonly pointer: CachedPointer; readonly bundle: CachedBundle }
  /** The cache does not contain the pointer. */
  | { readonly kind: 'no_pointer' }
  /**
   * The cached pointer has a lower generation than the caller requires. The cache lags behind, or it has lost
   * data.
   */
  | { readonly kind: 'behind'; readonly pointer: CachedPointer }
  /**
   * The cache contains the pointer but not its bundle. The bundle is too large for the cache, or it was lost.
   * The caller should fetch it from the API by its digest.
   */
  | { readonly kind: 'no_bundle'; readonly pointer: CachedPointer }
  /** The cached content does not match its digest. */
  | { readonly kind: 'corrupt'; readonly what: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface CachedBundle {
  readonly manifest: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export function redisBundleReader({ url, log }: { url: string; log: Log }): RedisBundleReader {
  const redis = redisWriter({ url, log });
  return {
    read: async (pointer, { atLeast = 0 } = {}) => {
      try {
        return await redis.run(pointerKey(pointer), (client) => readBundle(client, pointer, atLeast));
      } catch (error) {
        if (!(error instanceof ErrorReply) && !(error instanceof RedisLostError)) throw error;
        return { kind: 'unavailable', reason: redisRefusal(error) };
      }
    },
    close: () => redis.close(),
  };
}

/**
 * Reads the pointer and then its bundle. If the bundle is missing because the pointer has moved in between,
 * reads both again.
 */
async function readBundle(client: RedisClient, id: PointerId, atLeast: number): Promise<BundleRead> {
  let missing: CachedPointer | null = null;
  for (let round = 0; round < readerLimits.readRounds; round++) {
    const fields = await client.hGetAll(pointerKey(id));
    if (Object.keys(fields).length === 0) return { kind: 'no_pointer' };
    const parsed = CachedPointer.safeParse(fields);
    if (!parsed.success) return { kind: 'corrupt', what: 'the pointer' };
    const pointer = parsed.data;
    if (pointer.generation < atLeast) return { kind: 'behind', pointer };
    const stored = await storedFields(client, bundleKey(id.tenant, pointer.digest));
    if (stored.has(MANIFEST_FIELD)) return checked(pointer, stored);
    // The pointer has not moved since the previous read, so the bundle is really missing.
    if (missing?.generation === pointer.generation) return { kind: 'no_bundle', pointer };
    missing = pointer;
  }
  return { kind: 'unavailable', reason: 'the pointer moves faster than it can be read' };
}

const Fields = z.array(z.instanceof(Buffer));

async function storedFields(client: RedisClient, key: string): Promise<Map<string, Buffer>> {
  const flat = Fields.parse(
    await client.sendCommand(['HGETALL', key], {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.MAP]: Array },
    }),
  );
  const fields = new Map<string, Buffer>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [path, content] = [flat[index], flat[index + 1]];
    if (path !== undefined && content !== undefined) fields.set(path.toString('utf8'), content);
  }
  return fields;
}

function checked(pointer: CachedPointer, stored: ReadonlyMap<string, Buffer>): BundleRead {
  const manifest = stored.get(MANIFEST_FIELD) ?? Buffer.alloc(0);
  if (digestOf(manifest) !== pointer.digest) return { kind: 'corrupt', what: 'the manifest' };
  const listed = readManifest(manifest);
  if (listed.kind === 'problem') return { kind: 'corrupt', what: 'the manifest' };
  const files = new Map<string, Uint8Array>();
  for (const { path, digest } of listed.files) {
    const content = stored.get(path);
    if (content === undefined || digestOf(content) !== digest) return { kind: 'corrupt', what: path };
    files.set(path, content);
  }
  return { kind: 'bundle', pointer, bundle: { manifest, files } };
}
