import { writeFile } from 'node:fs/promises';

import { migrate } from '../../services/postgres/migrate.ts';
import { startPostgres } from '../support/servers/servers.ts';
import { connect } from '../support/worlds/store.ts';
import { appRoleOf, schemaFile, schemaSql } from './schema-sql.ts';

/** `npm run schema` writes services/postgres/schema.sql from a temporary database that it starts and migrates. */
const postgres = await startPostgres();
try {
  await migrate(postgres.ownerUrl, postgres.appUrl);
  const owner = await connect(postgres.ownerUrl);
  await writeFile(schemaFile, await schemaSql(owner, appRoleOf(postgres.appUrl)));
  await owner.end();
  console.log('services/postgres/schema.sql');
} finally {
  await postgres.stop();
}
