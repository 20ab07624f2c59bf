import { PointsmanError } from '@pointsman/protocol/errors';
import type { Purpose } from '../../../core/callout.ts';
import type { CallbackResult } from '../../../handlers/contract/release.ts';
import {
  type CallbackId,
  type CallbackStatus,
  findCallback,
  evaluateCallback,
} from '../../postgres/releases/callbacks.ts';
import type { Database } from '../../postgres/database.ts';
import { notFound } from '../responses/not-found.ts';

export type FoundCallback = CallbackId & CallbackStatus;

/**
 * The format of capabilities, which are the secrets in callback URLs that the worker creates. Text in any other format is refused without a
 * database lookup.
 */
const CAPABILITY = /^pmc_[A-Za-z0-9_-]{43}$/;

/**
 * Returns the callback to which a capability belongs, even if the callback was already used. Throws the same `not_found` error for an
 * invalid and for an unknown capability.
 */
export async function getCallback(db: Database, capability: string): Promise<FoundCallback> {
  const id = CAPABILITY.test(capability) ? await findCallback(db, capability) : null;
  if (id === null) throw notFound('The callback URL does not exist. Check that it was copied completely.');
  return { ...id, ...(await evaluateCallback(db, id, null, Date.now())) };
}

/** Returns the callback if it has the given purpose and still accepts requests. Otherwise throws the error for the response. */
export async function getOpenCallback(
  db: Database,
  capability: string,
  purpose: Purpose,
): Promise<FoundCallback> {
  const found = await getCallback(db, capability);
  if (found.purpose !== purpose)
    throw notFound('The callback URL does not exist. Check that it was copied completely.');
  if (found.refusal !== null && found.refusal.kind !== 'taken') throw callbackRefusal(found.refusal);
  return found;
}

/** Returns the error for a report of an external checker or compiler that was not recorded. */
export function callbackRefusal(answer: Exclude<CallbackResult, { kind: 'taken' }>): PointsmanError {
  switch (answer.kind) {
    case 'used': {
      const { result, at } = answer;
      return new PointsmanError(
        'callback_used',
        `A report with the result "${result}" was already recorded at ${at}. It cannot be changed.`,
        {
          details: { result, at },
        },
      );
    }
    case 'expired':
      return new PointsmanError('callback_expired', `The deadline was ${answer.deadlineAt}.`, {
        details: { deadlineAt: answer.deadlineAt },
      });
    case 'revoked':
      return new PointsmanError('callback_revoked', `The report is no longer needed: ${answer.reason}.`);
    case 'unfit': {
      const { missing, problems } = answer;
      const [first = `${missing[0]} is not stored`] = problems;
      const others = missing.length + problems.length - 1;
      const detail = `The report was not recorded: ${first}${others > 0 ? ` (and ${others} more)` : ''}. Fix this and send the report again.`;
      return new PointsmanError('incomplete_artifact', detail, { details: { missing, problems } });
    }
  }
}
