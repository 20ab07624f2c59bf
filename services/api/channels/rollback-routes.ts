import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import type { PointerId } from '@pointsman/protocol/identifiers';
import type { Move, Pointer } from '@pointsman/protocol/moves/pointer';
import { RollbackView } from '@pointsman/protocol/moves/pointer-view';
import { paths } from '@pointsman/protocol/paths';
import { rollbackTarget } from '../../../core/moves/rollback.ts';
import type { Database } from '../../postgres/database.ts';
import { findMoveTo, findPointer, findPointerMove } from '../../postgres/channels/pointers.ts';
import { missingError } from '../responses/not-found.ts';
import { jsonResponse } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { json } from '../responses/openapi-responses.ts';
import { ChannelParams, ReleaseParams } from '../requests/params.ts';
import { pointerHeaders } from './pointer-view.ts';

export function rollbackEndpoints({ db }: ApiDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: paths.rollback,
      operationId: 'getRollback',
      summary: 'Preview a rollback',
      description:
        'Changes nothing. A rollback is an undo: it restores the state before the last move that was not yet undone. So a second rollback restores an earlier state. With `version`, it restores the last move to that version. To roll back, send `restores` to `movePointer`.',
      tags: ['channels'],
      may: 'read',
      params: ChannelParams,
      query: z.strictObject({
        version: ReleaseParams.shape.version
          .optional()
          .meta({ description: 'Restore this version instead of the previous version.' }),
      }),
      responses: { 200: json(RollbackView, 'The pointer, and the move to restore.') },
      problems: ['not_found', 'nothing_before'],
      async handle({ params, query: { version } }) {
        const pointer = await findPointer(db, params);
        if (pointer === null)
          throw await missingError(db, params, `channel "${params.channel}" of "${params.bundle}"`);
        const move =
          version === undefined
            ? await moveBefore(db, params, pointer)
            : await moveTo(db, params, pointer, version);
        return jsonResponse({ pointer, move }, 200, pointerHeaders(pointer));
      },
    }),
  ];
}

async function moveBefore(db: Database, id: PointerId, { generation, version }: Pointer): Promise<Move> {
  const moveAt = async (at: number): Promise<Move> => {
    const move = await findPointerMove(db, id, at);
    if (move === null)
      throw new Error(`the move of "${id.channel}" to generation ${at} is not in the database`);
    return move;
  };
  const target = await rollbackTarget(generation, moveAt);
  if (target !== null) return moveAt(target);
  const detail =
    version === null
      ? `The pointer "${id.channel}" has never moved.`
      : `There is no release before v${version} at "${id.channel}": it was the first live release, or all later moves are already rolled back.`;
  throw new PointsmanError('nothing_before', detail);
}

async function moveTo(db: Database, id: PointerId, pointer: Pointer, version: number): Promise<Move> {
  // Search first for a move that is older than the move in effect. A hold on the channel does not block a rollback to an older move.
  const present = await findPointerMove(db, id, pointer.generation);
  const inEffect = present?.restores ?? pointer.generation;
  const move =
    (await findMoveTo(db, id, { version, before: inEffect })) ??
    (await findMoveTo(db, id, { version, before: pointer.generation }));
  if (move !== null) return move;
  const detail = `v${version} was never live at "${id.channel}". To move there, promote it: send "version" instead of "restores".`;
  throw new PointsmanError('nothing_before', detail);
}
