import type { Dispatcher } from 'undici';

import { etagOf } from '@pointsman/protocol/entity-tag';
import type { PointerId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { EVENT_STREAM_TYPE } from '@pointsman/protocol/stream-events';
import type { AcknowledgementBody } from '@pointsman/protocol/moves/acknowledgement';
import { Pointer } from '@pointsman/protocol/moves/pointer';
import { FollowFailure } from './failure.ts';
import { requestBody, type Connection, toFailure, send } from './http-request.ts';
import { followLimits } from './limits.ts';

/** The HTTP API as a follower uses it. Every unexpected response throws {@link FollowFailure}. */
export interface ControlPlane {
  /**
   * Returns the pointer. With `waitMs`, the API waits until the pointer has another generation than `known`.
   * Returns null if it still has that generation when the time is over.
   */
  pointer(asked: {
    known?: number | undefined;
    waitMs?: number;
    signal: AbortSignal;
  }): Promise<Pointer | null>;
  /**
   * Opens the stream of server-sent events of the pointer. The stream ends when the signal aborts. Returns null
   * if the response is not an event stream.
   */
  pointerStream(signal: AbortSignal): Promise<Dispatcher.ResponseData['body'] | null>;
  manifest(digest: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Returns a blob of at most `maxBytes`. The caller must verify its digest. */
  blob(digest: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
  acknowledge(follower: string, acknowledgement: AcknowledgementBody, signal: AbortSignal): Promise<Pointer>;
}

export function controlPlane(connection: Connection, pointer: PointerId): ControlPlane {
  const { tenant } = pointer;
  const channelPath = pathOf(paths.channel, pointer);

  const getBlob = async (path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> =>
    (await requestBody(connection, { path, signal, timeoutMs: followLimits.blobMs }, maxBytes)).body;

  return {
    async pointer({ known, waitMs = 0, signal }) {
      const path = `${channelPath}${waitMs > 0 && known !== undefined ? `?wait=${waitMs / 1_000}s` : ''}`;
      const headers: Record<string, string> = known === undefined ? {} : { 'if-none-match': etagOf(known) };
      const timeoutMs = followLimits.requestMs + waitMs;
      const { status, body } = await requestBody(
        connection,
        { path, headers, signal, timeoutMs },
        followLimits.pointerBytes,
      );
      return status === 304 ? null : parsePointer(body);
    },
    async pointerStream(signal) {
      const headers = { accept: EVENT_STREAM_TYPE };
      // The timeout is long, because the reader of the stream closes it when no event arrives for too long.
      const response = await send(connection, { path: channelPath, headers, signal, timeoutMs: A_DAY_MS });
      const type = String(response.headers['content-type'] ?? '');
      if (response.statusCode === 200 && type.startsWith(EVENT_STREAM_TYPE)) return response.body;
      if (response.statusCode !== 200) throw await toFailure(response, signal);
      response.body.on('error', () => {}).destroy();
      return null;
    },
    manifest: (digest, signal) =>
      getBlob(pathOf(paths.artifact, { tenant, digest }), followLimits.manifestBytes, signal),
    blob: (digest, maxBytes, signal) => getBlob(pathOf(paths.blob, { tenant, digest }), maxBytes, signal),
    async acknowledge(follower, acknowledgement, signal) {
      const path = pathOf(paths.follower, { ...pointer, follower });
      const headers = { 'content-type': 'application/json' };
      const sent = { path, method: 'PUT', headers, body: JSON.stringify(acknowledgement), signal } as const;
      const { body } = await requestBody(
        connection,
        { ...sent, timeoutMs: followLimits.requestMs },
        followLimits.pointerBytes,
      );
      return parsePointer(body);
    },
  };
}

const A_DAY_MS = 86_400_000;

function parsePointer(body: Buffer): Pointer {
  const pointer = parseJsonAs(Pointer, body.toString('utf8'));
  if (pointer !== null) return pointer;
  throw new FollowFailure(
    'wrong',
    'the response is not a pointer: the URL may not be that of a control plane',
  );
}
