import { z } from 'zod';

import type { Database } from './database.ts';
import { Big, oneRow } from './rows.ts';

const Row = z.object({ in_flight: Big, in_line: Big, stored_bytes: Big });

/** The number of running and of queued releases, and the number of stored bytes, of all tenants together. */
export interface Lines {
  readonly inFlight: number;
  readonly inLine: number;
  readonly storedBytes: number;
}

export async function countLines(db: Database): Promise<Lines> {
  const row = oneRow(
    Row,
    await db.platform('SELECT in_flight, in_line, stored_bytes() AS stored_bytes FROM lines()'),
  );
  return { inFlight: row.in_flight, inLine: row.in_line, storedBytes: row.stored_bytes };
}
