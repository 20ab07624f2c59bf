import type { ClientBase } from 'pg';
import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { Big } from './rows.ts';

/** Our tables live in this schema, and nothing else does. */
export const SCHEMA = 'pointsman';

/** The last file of `schema/` that this code knows: the number at the head of its name. */
export const SCHEMA_LEVEL = 1;

/**
 * Raised by one with each change of a text in `functions/`; a test holds it against the digest of these texts. So two builds whose functions
 * differ know which one is newer, and the older one never replaces the newer one's functions.
 */
export const FUNCTIONS_LEVEL = 1;

const Row = z.object({ level: Big, oldest_process: Big, functions_level: Big });

export interface SchemaVersion {
  /** The last migration that was run. */
  readonly level: number;
  /** Processes that know fewer migrations than this must not run any more: one of the later ones took something away from them. */
  readonly oldestProcess: number;
  /** The {@link FUNCTIONS_LEVEL} of the functions that the schema has. */
  readonly functionsLevel: number;
}

/** Null before the first migration. */
export async function findSchemaVersion(client: ClientBase): Promise<SchemaVersion | null> {
  const known = await client.query(`SELECT to_regclass('${SCHEMA}.schema_version') IS NOT NULL AS known`);
  if (!z.object({ known: z.boolean() }).parse(known.rows[0]).known) return null;
  const { rows } = await client.query(
    `SELECT level, oldest_process, functions_level FROM ${SCHEMA}.schema_version`,
  );
  const row = Row.parse(rows[0]);
  return {
    level: row.level,
    oldestProcess: row.oldest_process,
    functionsLevel: row.functions_level,
  };
}

/**
 * Throws unless a process of this build may work on the database: not before it was migrated, and not after a newer build took away
 * what this one needs. Asked of every new connection, so that a process that was left running during an upgrade stops too.
 */
export async function assertSchemaFits(client: ClientBase): Promise<void> {
  const version = await findSchemaVersion(client);
  const problem = misfit(version);
  if (problem === null) return;
  throw new PointsmanError('unavailable', 'the database and this process are of different versions', {
    cause: new Error(problem),
  });
}

/** Why this build must not run on a schema of that version; null when it may. */
export function misfit(version: SchemaVersion | null): string | null {
  if (version === null || version.level < SCHEMA_LEVEL) {
    return `the schema is at level ${version?.level ?? 0} and this process needs ${SCHEMA_LEVEL}: run the migrations`;
  }
  if (version.functionsLevel < FUNCTIONS_LEVEL) {
    return `the functions of the schema are at level ${version.functionsLevel} and this process needs ${FUNCTIONS_LEVEL}: run the migrations`;
  }
  if (version.oldestProcess > SCHEMA_LEVEL) {
    return `the schema is for processes from level ${version.oldestProcess} on, and this one is of level ${SCHEMA_LEVEL}: run a newer build`;
  }
  return null;
}
