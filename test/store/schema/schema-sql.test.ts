import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { appRoleOf, schemaFile, schemaSql } from '../../docs/schema-sql.ts';
import { startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

test('schema.sql matches a migrated database; "npm run schema" writes the file', async () => {
  const current = await schemaSql(store.owner, appRoleOf(store.postgres.appUrl));
  expect(await readFile(schemaFile, 'utf8')).toBe(current);
});
