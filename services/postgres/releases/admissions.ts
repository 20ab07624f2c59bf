import { requestLimits } from '@pointsman/protocol/limits';
import { tenantLimits } from '../../../core/limits/limits.ts';
import { z } from 'zod';

import { StoredBundle } from '../../../core/releases/slot.ts';
import { cancelledText, supersededText } from '../../../core/texts/release-texts.ts';
import { Admission, type Admissions, CancelAnswer } from '../../../handlers/ports/admissions.ts';
import type { Database } from '../database.ts';
import { answerOf, at, json, storable } from '../rows.ts';

/**
 * Admits releases in the database. The checks and their order are documented at `admit` in functions/admissions.sql.
 */
export function postgresAdmissions(db: Database): Admissions {
  return {
    async admit({ at: epochMs, ...request }) {
      const { queuedPerPointer: queueLimit } = tenantLimits;
      const { channelsPerBundle: channelLimit } = requestLimits;
      const supersededReason = supersededText(request.version);
      const asked = json({ ...request, queueLimit, channelLimit, supersededReason });
      const rows = await db.answer(request.tenant, 'admit($2::jsonb, $3)', [asked, at(epochMs)]);
      return answerOf(Admission, rows);
    },
    async readBundle(tenant, bundle) {
      return answerOf(StoredBundle, await db.answer(tenant, 'read_bundle($1, $2)', [bundle]));
    },
    async leaveQueue({ tenant, bundle, version }) {
      const rows = await db.answer(tenant, 'leave_queue($1, $2, $3)', [bundle, version]);
      return answerOf(z.boolean(), rows);
    },
    async requestCancel({ tenant, bundle, version }, { by, reason, at: epochMs }) {
      const given = reason === null ? null : storable(reason);
      const values = [bundle, version, by, given, cancelledText(by, given), at(epochMs)];
      const rows = await db.answer(tenant, 'request_cancel($1, $2, $3, $4, $5, $6, $7)', values);
      return answerOf(CancelAnswer, rows);
    },
  };
}
