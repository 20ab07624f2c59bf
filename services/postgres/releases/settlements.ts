import { ReleaseResult } from '../../../handlers/contract/release.ts';
import { Closing, type Settlements } from '../../../handlers/ports/settlements.ts';
import type { Database } from '../database.ts';
import { answerOf, at, storable } from '../rows.ts';

/**
 * Closes releases, undoes their effects, and settles them in the database. For details see functions/settlements.sql.
 */
export function postgresSettlements(db: Database): Settlements {
  return {
    async close({ tenant, bundle, version }, { outcome, yieldsToIntent, reason, stage, at: epochMs }) {
      const values = [bundle, version, outcome, yieldsToIntent, storable(reason), stage, at(epochMs)];
      const rows = await db.answer(tenant, 'close_release($1, $2, $3, $4, $5, $6, $7, $8)', values);
      return answerOf(Closing, rows);
    },
    async undo({ tenant, bundle, version }, effect) {
      await db.answer(tenant, 'undo_effect($1, $2, $3, $4, $5)', [bundle, version, effect, at(Date.now())]);
    },
    async recordUndoFailure({ tenant, bundle, version }, effect, reason) {
      const values = [bundle, version, effect, storable(reason), at(Date.now())];
      await db.answer(tenant, 'record_undo_failure($1, $2, $3, $4, $5, $6)', values);
    },
    async settle({ tenant, bundle, version }, epochMs) {
      const rows = await db.answer(tenant, 'settle_release($1, $2, $3, $4)', [bundle, version, at(epochMs)]);
      return answerOf(ReleaseResult, rows);
    },
  };
}
