import { z } from 'zod';

import type { Database } from './database.ts';
import { Big, Iso, oneRow } from './rows.ts';

const Row = z.object({ dangling: Big, in_flight: Big, oldest: Iso.nullable() });

export interface RecordHealth {
  /** Pointers that name an artifact which is not there: never any. */
  readonly dangling: number;
  readonly inFlight: number;
  /** When the oldest release without a last word was admitted. */
  readonly oldest: string | null;
}

export async function recordHealth(db: Database): Promise<RecordHealth> {
  const row = oneRow(Row, await db.platform('SELECT dangling, in_flight, oldest FROM health()'));
  return { dangling: row.dangling, inFlight: row.in_flight, oldest: row.oldest };
}

const Mode = z.object({ read_only: z.boolean() });

/** Whether the server takes no writes: a standby, or one that was set read-only. */
export async function isReadOnly(db: Database): Promise<boolean> {
  const [row] = await db.platform(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only",
  );
  return Mode.parse(row).read_only;
}
