import { PointsmanError } from '../../../core/errors.ts';
import type { Purpose } from '../../../core/callout.ts';
import type { CallbackResult } from '../../../handlers/contract/release.ts';
import {
  type CallbackId,
  type CallbackLook,
  findCallback,
  lookAtCallback,
} from '../../postgres/releases/callbacks.ts';
import type { Database } from '../../postgres/database.ts';
import { notFound } from '../responses/not-found.ts';

export type FoundCallback = CallbackId & CallbackLook;

/** As services/worker makes them. Whatever is spelled otherwise needs no look. */
const CAPABILITY = /^pmc_[A-Za-z0-9_-]{43}$/;

/** What that capability is for, used or not. Throws one and the same `not_found` for all that is none. */
export async function getCallback(db: Database, capability: string): Promise<FoundCallback> {
  const id = CAPABILITY.test(capability) ? await findCallback(db, capability) : null;
  if (id === null) throw notFound('There is no such address.');
  return { ...id, ...(await lookAtCallback(db, id, null, Date.now())) };
}

/** The same, of one that is for that purpose and still takes something. Throws what it answers otherwise. */
export async function getOpenCallback(
  db: Database,
  capability: string,
  purpose: Purpose,
): Promise<FoundCallback> {
  const found = await getCallback(db, capability);
  if (found.purpose !== purpose) throw notFound('There is no such address.');
  if (found.refusal !== null && found.refusal.kind !== 'taken') throw callbackRefusal(found.refusal);
  return found;
}

/** What somebody is told whose answer was not taken. */
export function callbackRefusal(answer: Exclude<CallbackResult, { kind: 'taken' }>): PointsmanError {
  switch (answer.kind) {
    case 'used': {
      const { said, at } = answer;
      return new PointsmanError('callback_used', `It was "${said}", at ${at}, and that stands.`, {
        details: { word: said, at },
      });
    }
    case 'expired':
      return new PointsmanError('callback_expired', `It was to be answered before ${answer.deadlineAt}.`, {
        details: { deadlineAt: answer.deadlineAt },
      });
    case 'revoked':
      return new PointsmanError('callback_revoked', `Nobody waits for it any more: ${answer.reason}.`);
    case 'unfit': {
      const { missing, problems } = answer;
      const [first = `${missing[0]} is not stored`] = problems;
      const others = missing.length + problems.length - 1;
      const detail = `Nothing was taken: ${first}${others > 0 ? ` (and ${others} more)` : ''}. Mend it, and answer again.`;
      return new PointsmanError('incomplete_artifact', detail, { details: { missing, problems } });
    }
  }
}
