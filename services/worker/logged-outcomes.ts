import type { Logger } from 'pino';

import { correlationId } from '@pointsman/protocol/identifiers';
import type { Moves } from '../../handlers/ports/moves.ts';
import type { Settlements } from '../../handlers/ports/settlements.ts';

/**
 * Logs one line for each release that settles without a move of its pointer. The line is written inside the durable step, so it is not written
 * again when Restate replays the handler. If the step is retried after a crash, the line may be written twice.
 */
export function logSettled(settlements: Settlements, log: Logger): Settlements {
  return {
    ...settlements,
    async settle(id, at) {
      const settlement = await settlements.settle(id, at);
      log.info({ correlationId: correlationId(id), ...settlement }, 'settled');
      return settlement;
    },
  };
}

/**
 * Logs one line for each move of a pointer. The move of a release also settles the release. A manual move has no other
 * log line, because it does not settle a release.
 */
export function logMoves(moves: Moves, log: Logger): Moves {
  return {
    ...moves,
    async moveByRelease(request) {
      const result = await moves.moveByRelease(request);
      if (result.kind === 'moved') {
        const { generation } = result;
        log.info(
          { correlationId: correlationId(request), outcome: 'published', reason: null, generation },
          'settled',
        );
      } else if (result.kind === 'unchanged') {
        const { version: sameAs } = result;
        log.info({ correlationId: correlationId(request), outcome: 'unchanged', sameAs }, 'settled');
      }
      return result;
    },
    async moveByHand(request) {
      const result = await moves.moveByHand(request);
      if (result.kind === 'moved') {
        const { tenant, bundle, channel, by, requestId } = request;
        const { generation } = result.pointer;
        const line = {
          correlationId: correlationId(request),
          requestId,
          tenant,
          bundle,
          channel,
          generation,
          by,
        };
        log.info(line, 'moved by hand');
      }
      return result;
    },
  };
}
