import { z } from 'zod';

import type { Database } from './database.ts';
import { Big, oneRow } from './rows.ts';

const Row = z.object({ in_flight: Big, in_line: Big });

/** How many releases are on their way, and how many wait in line behind one that is, over all tenants. */
export interface Lines {
  readonly inFlight: number;
  readonly inLine: number;
}

export async function countLines(db: Database): Promise<Lines> {
  const row = oneRow(Row, await db.platform('SELECT in_flight, in_line FROM lines()'));
  return { inFlight: row.in_flight, inLine: row.in_line };
}
