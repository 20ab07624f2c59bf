import type { IncomingMessage, ServerResponse } from 'node:http';

import { z } from 'zod';

import { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { receiverLimits } from './limits.ts';
import { ReceivedMoves, type Received } from './received-moves.ts';
import { verifyWebhook } from './verify.ts';

export interface WebhookReceiver {
  /**
   * A listener for Node's HTTP server, or a compatible one, at the sink's path. The body must not have been
   * read before.
   */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * Yields the moves in the order of their arrival, from the moment at which a reader starts. It yields a gap
   * first, because earlier moves are unknown, and a gap wherever a move is missing. Ends with the signal.
   */
  moves(signal: AbortSignal): AsyncIterable<Received>;
}

/**
 * Receives the webhooks of a tenant. It rejects a request that has no valid signature, was signed too long
 * ago, or has an invalid event. No reader gets such a request. Received moves are stored only in memory: a
 * reader that starts later gets a gap, and reads the pointer itself.
 */
export function webhookReceiver({ secrets }: { readonly secrets: readonly string[] }): WebhookReceiver {
  const received = new ReceivedMoves();
  return {
    listener(request, response) {
      const respond = (status: number, headers: Record<string, string> = {}): void => {
        // Closes the connection instead of waiting for the rest of the body.
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
        // The signature is valid, but the event is not. A retry of the same event would fail too.
        if (event?.id !== verified.id) return respond(400);
        const move = MoveEvent.safeParse(event);
        if (move.success) received.push(move.data);
        respond(204);
      });
    },
    moves: (signal) => received.read(signal),
  };
}

/** Events of other types are accepted and ignored: tests, and types of future versions. */
const Signed = z.looseObject({ specversion: z.literal('1.0'), id: z.string(), type: z.string() });

type Body = { readonly bytes: Buffer } | { readonly refused: 408 | 413 };

/**
 * Calls back once, with the whole body or the reason why it is missing. Never calls back if the sender
 * disconnects.
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
