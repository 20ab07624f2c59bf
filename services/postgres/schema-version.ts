import type { ClientBase } from 'pg';
import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { Big } from './rows.ts';

/** The database schema with all tables and functions of Pointsman. It contains no other objects. */
export const SCHEMA = 'pointsman';

/** The number of the last file of `schema/` in this build. The file's name begins with this number. */
export const SCHEMA_LEVEL = 3;

/**
 * The level of the functions in this build. It must increase by one with each change of a file in `functions/`, so
 * that an older build never replaces the functions of a newer one. A test compares it with the digest of the files.
 */
export const FUNCTIONS_LEVEL = 4;

const Row = z.object({ level: Big, oldest_process: Big, functions_level: Big });

export interface SchemaVersion {
  /** The number of the last migration that was executed. */
  readonly level: number;
  /**
   * The lowest schema level of a build that may use the database. It increases when a migration removes something
   * that older builds need.
   */
  readonly oldestProcess: number;
  /** The {@link FUNCTIONS_LEVEL} of the functions in the database. */
  readonly functionsLevel: number;
}

/** Reads the version of the schema. Returns null before the first migration. */
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
 * Throws if a process of this build may not use the database. The schema must be migrated to at least the level of
 * this build, and must not have been changed incompatibly by a newer build. The check runs for each new connection,
 * so that a process also detects an upgrade while it runs.
 */
export async function assertSchemaFits(client: ClientBase): Promise<void> {
  const version = await findSchemaVersion(client);
  const problem = misfit(version);
  if (problem === null) return;
  throw new PointsmanError('unavailable', 'the database and this process are of different versions', {
    cause: new Error(problem),
  });
}

/** Returns the reason why this build must not use a schema of this version, or null if it may. */
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
