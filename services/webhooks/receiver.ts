import type { IncomingMessage, ServerResponse } from 'node:http';

import { z } from 'zod';

import { MoveEvent } from '../../core/moves/move-event.ts';
import { parseJsonAs } from '../../core/json/parse-json.ts';
import { receiverLimits } from './limits.ts';
import { ReceivedMoves, type Received } from './received-moves.ts';
import { verifyWebhook } from './verify.ts';

export interface WebhookReceiver {
  /** For Node's own HTTP server, or any that hands on its requests, at the path that the sink has. Nothing may have read the body. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * What arrives, in the order of its arrival, for each reader from when it begins to read. First of all a gap, since nobody knows what came
   * before; another where something is known to be missing. Ends with the signal.
   */
  moves(signal: AbortSignal): AsyncIterable<Received>;
}

/**
 * Takes the webhooks of a tenant. What is not signed with one of the secrets, was signed long ago, or is none of ours is refused, and no reader
 * hears of it. What is taken is remembered in memory alone: a reader that begins later is told of a gap, and looks at the pointer itself.
 */
export function webhookReceiver({ secrets }: { readonly secrets: readonly string[] }): WebhookReceiver {
  const received = new ReceivedMoves();
  return {
    listener(request, response) {
      const answer = (status: number, headers: Record<string, string> = {}): void => {
        // Whatever is left of the body is not waited for.
        const close = request.complete ? {} : { connection: 'close' };
        response.writeHead(status, { ...headers, ...close }).end();
      };
      request.on('error', () => {});
      response.on('error', () => {});
      if (request.method !== 'POST') return answer(405, { allow: 'POST' });
      readBody(request, (body) => {
        if ('refused' in body) return answer(body.refused);
        const verified = verifyWebhook({ headers: request.headers, body: body.bytes }, { secrets });
        if (verified.kind === 'refused') return answer(401);
        const event = parseJsonAs(Signed, body.bytes.toString('utf8'));
        // The sender knows the secret, and says what nobody here understands: said again, it would be no clearer.
        if (event?.id !== verified.id) return answer(400);
        const move = MoveEvent.safeParse(event);
        if (move.success) received.push(move.data);
        answer(204);
      });
    },
    moves: (signal) => received.read(signal),
  };
}

/** Events of other types are taken, and mean nothing here: a test does, and so does what is yet to be invented. */
const Signed = z.looseObject({ specversion: z.literal('1.0'), id: z.string(), type: z.string() });

type Body = { readonly bytes: Buffer } | { readonly refused: 408 | 413 };

/** Calls back once, with the whole body or why there is none; never when the sender goes away. */
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
