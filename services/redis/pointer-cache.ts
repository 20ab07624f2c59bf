import type { Logger } from 'pino';
import { ErrorReply } from 'redis';

import type { PointerId } from '@pointsman/protocol/identifiers';
import type { ArtifactReader, StoredArtifact } from './artifact-reader.ts';
import {
  bundleKey,
  type CachedPointer,
  MANIFEST_FIELD,
  pointedKey,
  pointerKey,
} from '@pointsman/protocol/redis/cache-keys';
import { cacheLimits } from './limits.ts';
import { redisRefusal } from '@pointsman/client/internal/redis/refusals';
import {
  type RedisClient,
  RedisLostError,
  type RedisWriter,
  redisWriter,
} from '@pointsman/client/internal/redis/connection';

/**
 * Caches pointers and their bundles in Redis, for runtimes that read only from Redis. A pointer never changes to an
 * earlier generation, even if several writers write it.
 */
export interface PointerCache {
  /**
   * Stores a pointer and its bundle. Calls may be repeated, and may come from any process in any order. The promise
   * always resolves.
   */
  put(pointer: PointerId & CachedPointer): Promise<Cached>;
  close(): Promise<void>;
}

export type Cached =
  /** The pointer is cached. `bundle` is false if the bundle is too large to be cached. */
  | { readonly kind: 'cached'; readonly bundle: boolean }
  /** The cache already contains this generation of the pointer or a later one. */
  | { readonly kind: 'not_newer' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * A Lua script that sets a pointer if the given generation is later than the cached one. It runs atomically, because
 * two workers may write different moves of one pointer concurrently.
 *
 * The bundle of the pointer is kept permanently. The previous bundle expires if no other pointer refers to it. The
 * script computes the keys of the previous bundle from its digest. It is therefore unsuitable for Redis Cluster,
 * where these keys may be on another node.
 */
const POINT = `
local had = redis.call('HMGET', KEYS[1], 'generation', 'digest')
if had[1] and tonumber(had[1]) >= tonumber(ARGV[1]) then return 'not_newer' end
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[2], '${MANIFEST_FIELD}') == 0 then return 'no_bundle' end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'version', ARGV[2], 'digest', ARGV[3])
if had[2] and had[2] ~= ARGV[3] then
  local pointed = ARGV[7] .. had[2]
  redis.call('SREM', pointed, KEYS[1])
  if redis.call('EXISTS', pointed) == 0 then redis.call('PEXPIRE', ARGV[6] .. had[2], ARGV[5]) end
end
redis.call('SADD', KEYS[3], KEYS[1])
redis.call('PERSIST', KEYS[2])
return 'cached'`;

/** Creates the cache. It has its own connection, so that appends to streams do not wait behind large bundles. */
export function redisPointerCache({
  url,
  log,
  artifacts,
}: {
  url: string;
  log: Logger;
  artifacts: ArtifactReader;
}): PointerCache {
  const redis = redisWriter({ url, log });
  return {
    put: async (pointer) => {
      const { tenant, bundle, channel, version } = pointer;
      const named = { correlationId: `${tenant}:${bundle}:v${version}`, channel };
      const failed = (reason: string, error?: unknown): Cached => {
        log.warn({ ...named, err: error, reason }, 'a pointer could not be cached in Redis');
        return { kind: 'failed', reason };
      };
      try {
        return (await putPointer(redis, artifacts, pointer)) ?? failed('the artifact does not exist');
      } catch (error) {
        const isRedis = error instanceof ErrorReply || error instanceof RedisLostError;
        return failed(isRedis ? redisRefusal(error) : 'the artifact could not be read', error);
      }
    },
    close: () => redis.close(),
  };
}

/** Caches a pointer and its bundle. Returns null if the artifact of the bundle does not exist. */
async function putPointer(
  redis: RedisWriter,
  artifacts: ArtifactReader,
  pointer: PointerId & CachedPointer,
): Promise<Cached | null> {
  const { tenant, digest } = pointer;
  const id = pointerKey(pointer);
  // Tries to set only the pointer first. The bundle may already be cached, because of a rollback, a promotion, or
  // another worker.
  const known = await redis.run(id, (client) => point(client, pointer, true));
  if (known !== 'no_bundle') return resultOf(known, true);
  const artifact = await artifacts.read(tenant, digest, cacheLimits.bundleBytes);
  if (artifact === null) return null;
  if (artifact === 'too_large')
    return resultOf(await redis.run(id, (client) => point(client, pointer, false)), false);
  await redis.run(id, (client) => writeBundle(client, { tenant, digest }, artifact));
  const pointed = await redis.run(id, (client) => point(client, pointer, true));
  return pointed === 'no_bundle'
    ? { kind: 'failed', reason: 'the bundle was deleted immediately after it was written' }
    : resultOf(pointed, true);
}

function resultOf(pointed: 'cached' | 'not_newer' | 'no_bundle', bundle: boolean): Cached {
  return pointed === 'cached' ? { kind: 'cached', bundle } : { kind: 'not_newer' };
}

async function point(
  client: RedisClient,
  pointer: PointerId & CachedPointer,
  withBundle: boolean,
): Promise<'cached' | 'not_newer' | 'no_bundle'> {
  const { tenant, generation, version, digest } = pointer;
  const reply = await client.eval(POINT, {
    keys: [pointerKey(pointer), bundleKey(tenant, digest), pointedKey(tenant, digest)],
    arguments: [
      String(generation),
      String(version),
      digest,
      withBundle ? '1' : '0',
      String(cacheLimits.unpointedMs),
      bundleKey(tenant, ''),
      pointedKey(tenant, ''),
    ],
  });
  return reply === 'cached' || reply === 'no_bundle' ? reply : 'not_newer';
}

/**
 * A Lua script that sets an expiry on a bundle unless a pointer refers to it. It runs with each part of the bundle,
 * so that an incomplete bundle also expires if its writer dies.
 */
const EXPIRE_UNLESS_POINTED = `
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`;

/**
 * Writes a bundle in several commands of at most about `cacheLimits.commandBytes`. The manifest is written last.
 * Several writers may write the same bundle concurrently, because they write the same bytes.
 */
async function writeBundle(
  client: RedisClient,
  { tenant, digest }: { tenant: string; digest: string },
  artifact: StoredArtifact,
): Promise<void> {
  const keys = [bundleKey(tenant, digest), pointedKey(tenant, digest)] as const;
  for (const fields of portions(artifact)) {
    await client
      .multi()
      .hSet(keys[0], fields)
      .eval(EXPIRE_UNLESS_POINTED, { keys: [...keys], arguments: [String(cacheLimits.unpointedMs)] })
      .exec();
  }
}

function portions({ files, manifest }: StoredArtifact): Map<string, Buffer>[] {
  const found = [new Map<string, Buffer>()];
  let bytes = 0;
  for (const { path, content } of [...files, { path: MANIFEST_FIELD, content: manifest }]) {
    if (bytes > 0 && bytes + content.length > cacheLimits.commandBytes) {
      found.push(new Map<string, Buffer>());
      bytes = 0;
    }
    bytes += content.length + path.length;
    found.at(-1)?.set(path, Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }
  return found;
}
