import type { ClientBase } from 'pg';
import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { Big } from './rows.ts';

/** The schema that contains only the tables of Pointsman. */
export const SCHEMA = 'pointsman';

/** The number of the last file of `schema/` in this build, as at the start of the file's name. */
export const SCHEMA_LEVEL = 1;

/**
 * Must increase by one with each change in `functions/`; a test compares it with the digest of those files. Builds with different functions
 * can so detect which of them is newer, and an older build never replaces the functions of a newer one.
 */
export const FUNCTIONS_LEVEL = 1;

const Row = z.object({ level: Big, oldest_process: Big, functions_level: Big });

export interface SchemaVersion {
  /** The last migration that has run. */
  readonly level: number;
  /** The lowest level of a process that may run. A later migration has removed something that older processes need. */
  readonly oldestProcess: number;
  /** The {@link FUNCTIONS_LEVEL} of the functions in the schema. */
  readonly functionsLevel: number;
}

/** Reads the version of the schema; null before the first migration. */
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
 * Throws unless a process of this build may use the database: the schema must be migrated, and no newer build may have removed anything
 * that this build needs. Checked for every new connection, so a process that keeps running during an upgrade detects it too.
 */
export async function assertSchemaFits(client: ClientBase): Promise<void> {
  const version = await findSchemaVersion(client);
  const problem = misfit(version);
  if (problem === null) return;
  throw new PointsmanError('unavailable', 'the database and this process are of different versions', {
    cause: new Error(problem),
  });
}

/** Why this build must not use a schema of that version; null if it may use it. */
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
