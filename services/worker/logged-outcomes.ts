import type { Logger } from 'pino';

import { correlationId } from '@pointsman/protocol/identifiers';
import type { Moves } from '../../handlers/ports/moves.ts';
import type { Settlements } from '../../handlers/ports/settlements.ts';

/**
 * Logs one line for each release that settles. The line is written inside the durable step, so it is not written
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
 * Logs one line for each manual move of a pointer. A manual move has no other log line, because it does not settle a
 * release.
 */
export function logMovesByHand(moves: Moves, log: Logger): Moves {
  return {
    ...moves,
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
