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
      // This object does not use the hook `endOnDefect`. A defect in the code therefore pauses the invocation
      // like any other failure, and an operator can resume it after the worker is fixed. No other call waits
      // for this key.
      hooks: [],
      retryPolicy: { ...objectOptions.retryPolicy, onMaxAttempts: 'pause' },
      ingressPrivate: true,
    },
  });
}

/**
 * Sends the effects that a release failed to undo to the Compensation object, without waiting for the result.
 * The release is already settled and its slot is free, so no other release waits for these undos.
 */
export function sendToCompensation(ctx: Context, id: ReleaseId, effects: readonly Effect[]): void {
  if (effects.length > 0) ctx.sendClient(Compensation, releaseKey(id)).undo({ effects: [...effects] });
}

/**
 * Undoes the effects one after the other. If an undo fails, the invocation pauses, and it retries the undo
 * when an operator resumes it.
 *
 * The ledger shows "compensation failed" until the undo succeeds. If an operator kills the invocation, the
 * ledger keeps this status permanently, which is correct, because the effect was not undone.
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
