import type { Logger } from 'pino';

import { correlationId } from '@pointsman/protocol/identifiers';
import type { Moves } from '../../handlers/ports/moves.ts';
import type { Settlements } from '../../handlers/ports/settlements.ts';

/**
 * Logs one line for each settled release. The line is written inside the durable step, so that a replay does
 * not repeat it. A step that is retried after a crash may write it twice.
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
 * Logs one line for each pointer that is moved manually. Such a move does not settle a release, so it has no other log
 * line.
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
