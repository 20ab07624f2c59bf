import type { Dispatcher } from 'undici';

import type { PointerId } from '../../core/identifiers.ts';
import { parseJsonAs } from '../../core/json/parse-json.ts';
import { Pointer } from '../../core/moves/pointer.ts';
import { FollowFailure } from './failure.ts';
import { ask, type Connection, refusal, send } from './http-ask.ts';
import { followLimits } from './limits.ts';

/** What a follower says that it runs; see the API. */
export interface Claim {
  readonly generation: number;
  readonly digest: string | null;
}

/** The HTTP API as a follower speaks it. Whatever does not give what was asked for throws {@link FollowFailure}. */
export interface ControlPlane {
  /** The pointer; null when it still has the generation that is known, for as long as was to be waited. */
  pointer(asked: {
    known?: number | undefined;
    waitMs?: number;
    signal: AbortSignal;
  }): Promise<Pointer | null>;
  /** The pointer's stream of server-sent events, until the signal aborts. */
  pointerStream(signal: AbortSignal): Promise<Dispatcher.ResponseData['body']>;
  manifest(digest: string, signal: AbortSignal): Promise<Uint8Array>;
  /** A blob, of at most so many bytes. Nothing is known of it yet. */
  blob(digest: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
  acknowledge(follower: string, claim: Claim, signal: AbortSignal): Promise<Pointer>;
}

export function controlPlane(connection: Connection, { tenant, bundle, channel }: PointerId): ControlPlane {
  const ofTenant = `/v1/tenants/${tenant}`;
  const channelPath = `${ofTenant}/bundles/${bundle}/channels/${channel}`;

  const getBlob = async (path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> =>
    (await ask(connection, { path, signal, timeoutMs: followLimits.blobMs }, maxBytes)).body;

  return {
    async pointer({ known, waitMs = 0, signal }) {
      const path = `${channelPath}${waitMs > 0 && known !== undefined ? `?wait=${waitMs / 1_000}s` : ''}`;
      const headers: Record<string, string> = known === undefined ? {} : { 'if-none-match': `"${known}"` };
      const timeoutMs = followLimits.requestMs + waitMs;
      const { status, body } = await ask(
        connection,
        { path, headers, signal, timeoutMs },
        followLimits.pointerBytes,
      );
      return status === 304 ? null : parsePointer(body);
    },
    async pointerStream(signal) {
      const headers = { accept: 'text/event-stream' };
      // Its end is its reader's to decide, by the silence between events.
      const answer = await send(connection, { path: channelPath, headers, signal, timeoutMs: A_DAY_MS });
      const type = String(answer.headers['content-type'] ?? '');
      if (answer.statusCode === 200 && type.startsWith('text/event-stream')) return answer.body;
      if (answer.statusCode !== 200) throw await refusal(answer, signal);
      answer.body.on('error', () => {}).destroy();
      throw new FollowFailure('refused', 'the control plane has no event stream here');
    },
    manifest: (digest, signal) =>
      getBlob(`${ofTenant}/artifacts/${digest}`, followLimits.manifestBytes, signal),
    blob: (digest, maxBytes, signal) => getBlob(`${ofTenant}/blobs/${digest}`, maxBytes, signal),
    async acknowledge(follower, claim, signal) {
      const path = `${channelPath}/followers/${follower}`;
      const headers = { 'content-type': 'application/json' };
      const sent = { path, method: 'PUT', headers, body: JSON.stringify(claim), signal } as const;
      const { body } = await ask(
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
  throw new FollowFailure('wrong', 'what answers is not the control plane: it sent no pointer');
}
