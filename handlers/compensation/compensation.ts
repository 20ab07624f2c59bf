import {
  type Context,
  implement,
  type ObjectContext,
  PauseError,
  TerminalError,
} from '@restatedev/restate-sdk';

import { parseReleaseKey, type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
import { stepRetries } from '../../core/limits/limits.ts';
import type { Effect } from '@pointsman/protocol/releases/release';
import type { Deps } from '../ports/deps.ts';
import { Compensation, type UndoRequest } from '../contract/compensation.ts';
import { objectOptions } from '../durable/options.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** Undoes the effects that a release could not undo itself. */
export function compensationObject(deps: Deps) {
  return implement(Compensation, {
    description:
      'Undoes the effects that a settled release could not undo. If it is paused: fix the cause, then resume. Key: tenant/bundle/vN.',
    handlers: { undo: (ctx, request) => undo(ctx, deps, request) },
    options: {
      ...objectOptions,
      // This object does not use `endOnDefect`: a defect in the code pauses it like any other failure. No
      // other call waits for the key, and an operator can resume the invocation once the worker is fixed.
      hooks: [],
      retryPolicy: { ...objectOptions.retryPolicy, onMaxAttempts: 'pause' },
      ingressPrivate: true,
    },
  });
}

/**
 * Hands the effects that are still to be undone to the Compensation object, without waiting. The release is
 * settled and its slot is free, so no other release waits for them.
 */
export function sendToCompensation(ctx: Context, id: ReleaseId, effects: readonly Effect[]): void {
  if (effects.length > 0) ctx.sendClient(Compensation, releaseKey(id)).undo({ effects: [...effects] });
}

/**
 * Retries each undo. If one fails, the invocation pauses, and retries when an operator resumes it. The ledger shows
 * "compensation failed" until the undo succeeds. If the invocation is killed, the ledger shows this status
 * permanently, which is then correct.
 */
async function undo(ctx: ObjectContext, deps: Deps, { effects }: UndoRequest): Promise<null> {
  const id = parseReleaseKey(ctx.key);
  if (!id) throw new TerminalError(`"${ctx.key}" is not the key of a release`, { errorCode: 400 });
  for (const effect of effects) {
    await ignoringCancellation(() =>
      ctx.run('undo effect with operator', () => undoOrPause(deps, id, effect), stepRetries.undo),
    );
  }
  return null;
}

async function undoOrPause(deps: Deps, id: ReleaseId, effect: Effect): Promise<void> {
  try {
    await deps.settlements.undo(id, effect);
  } catch (cause) {
    throw new PauseError(`could not undo ${effect}: fix the cause, then resume`, { cause });
  }
}
