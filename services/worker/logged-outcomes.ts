import type { Logger } from 'pino';

import { correlationId } from '../../core/identifiers.ts';
import type { Moves, Settlements } from '../../handlers/ports/deps.ts';

/**
 * A line for each release that has its last word. It is written inside the durable step, so that a replay does not write it again; a
 * step that is tried again after a crash may, as it finds what stands.
 */
export function logSettled(settlements: Settlements, log: Logger): Settlements {
  return {
    ...settlements,
    async settle(id, at) {
      const verdict = await settlements.settle(id, at);
      log.info({ correlationId: correlationId(id), ...verdict }, 'settled');
      return verdict;
    },
  };
}

/** The same for pointers that somebody moves by hand: no release settles then. */
export function logMovesByHand(moves: Moves, log: Logger): Moves {
  return {
    ...moves,
    async moveByHand(request) {
      const answer = await moves.moveByHand(request);
      if (answer.kind === 'moved') {
        const { tenant, bundle, channel, by, requestId } = request;
        const { generation } = answer.pointer;
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
      return answer;
    },
  };
}
