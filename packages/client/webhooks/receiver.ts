import type { IncomingMessage, ServerResponse } from 'node:http';

import { z } from 'zod';

import { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { receiverLimits } from './limits.ts';
import { ReceivedMoves, type Received } from './received-moves.ts';
import { verifyWebhook } from './verify.ts';

export interface WebhookReceiver {
  /**
   * A request listener for Node's HTTP server or a compatible one. It must be called for the path of the
   * sink, before any other code reads the request body.
   */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * Yields the moves that arrive from now on, in the order of their arrival. Yields a gap first, because
   * earlier moves are unknown, and a gap wherever a move is missing. Ends when the signal aborts.
   */
  moves(signal: AbortSignal): AsyncIterable<Received>;
}

/**
 * Receives the webhooks of one tenant. It rejects a request without a valid signature, with a signature that
 * is too old, or with an invalid event.
 *
 * Received moves are kept only in memory, for the readers that are running. A reader that starts later gets a
 * gap first, and then reads the pointer from the API.
 */
export function webhookReceiver({ secrets }: { readonly secrets: readonly string[] }): WebhookReceiver {
  const received = new ReceivedMoves();
  return {
    listener(request, response) {
      const respond = (status: number, headers: Record<string, string> = {}): void => {
        // If the body has not been received completely, the connection is closed, so that the server does not
        // wait for the rest.
        const close = request.complete ? {} : { connection: 'close' };
        response.writeHead(status, { ...headers, ...close }).end();
      };
      request.on('error', () => {});
      response.on('error', () => {});
      if (request.method !== 'POST') return respond(405, { allow: 'POST' });
      readBody(request, (body) => {
        if ('refused' in body) return respond(body.refused);
        const verified = verifyWebhook({ headers: request.headers, body: body.bytes }, { secrets });
        if (verified.kind === 'refused') return respond(401);
        const event = parseJsonAs(Signed, body.bytes.toString('utf8'));
        // The signature is valid, but the event is invalid. The status 400 shows the sender that a retry
        // would fail too.
        if (event?.id !== verified.id) return respond(400);
        const move = MoveEvent.safeParse(event);
        if (move.success) received.push(move.data);
        respond(204);
      });
    },
    moves: (signal) => received.read(signal),
  };
}

/**
 * An event of any type with a valid form. Only moves are passed to the readers. Test events, and types of
 * future versions, are accepted without any effect.
 */
const Signed = z.looseObject({ specversion: z.literal('1.0'), id: z.string(), type: z.string() });

type Body = { readonly bytes: Buffer } | { readonly refused: 408 | 413 };

/**
 * Reads the request body. Calls back once, with the complete body or with the status of a rejection. Never
 * calls back if the sender disconnects.
 */
function readBody(request: IncomingMessage, whole: (body: Body) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = (body: Body): void => {
    clearTimeout(timer);
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    if ('refused' in body) request.pause();
    whole(body);
  };
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > receiverLimits.bodyBytes) end({ refused: 413 });
    else chunks.push(chunk);
  };
  const onEnd = (): void => end({ bytes: Buffer.concat(chunks) });
  const onClose = (): void => clearTimeout(timer);
  const timer = setTimeout(() => end({ refused: 408 }), receiverLimits.bodyMs);
  request.on('data', onData).on('end', onEnd).on('close', onClose);
}
