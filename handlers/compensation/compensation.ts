import {
  type Context,
  implement,
  type ObjectContext,
  PauseError,
  TerminalError,
} from '@restatedev/restate-sdk';

import { parseReleaseKey, type ReleaseId, releaseKey } from '../../core/identifiers.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import type { Effect } from '../../core/releases/release.ts';
import type { Deps } from '../ports/deps.ts';
import { Compensation, type UndoRequest } from '../contract/compensation.ts';
import { objectOptions } from '../durable/options.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** What releases leave behind that could not be undone. */
export function compensationObject(deps: Deps) {
  return implement(Compensation, {
    description:
      'Undoes what a settled release could not. Paused: mend the cause, then resume. Key: tenant/bundle/vN.',
    handlers: { undo: (ctx, request) => undo(ctx, deps, request) },
    options: {
      ...objectOptions,
      // Also for a defect: nobody waits behind this key, and an operator may resume once the worker is mended.
      hooks: [],
      retryPolicy: { ...objectOptions.retryPolicy, onMaxAttempts: 'pause' },
      ingressPrivate: true,
    },
  });
}

/** Hands over, one way: the release is settled and its slot is free, so nobody waits with what can't be undone. */
export function leaveToCompensation(ctx: Context, id: ReleaseId, effects: readonly Effect[]): void {
  if (effects.length > 0) ctx.sendClient(Compensation, releaseKey(id)).undo({ effects: [...effects] });
}

/**
 * Tries each undo once more, and waits, paused, for an operator, whose resume tries again. The ledger says "compensation failed" until it is
 * done. Killed: it says so for ever, and it is true.
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
    throw new PauseError(`could not undo ${effect}: mend the cause, then resume`, { cause });
  }
}
