// Replaces services/migrate in tests of the stack itself: it creates the role of the app and a table.
import pg from 'pg';
import { migrateConfig } from '../../../services/config/config.ts';

const { ownerUrl, appUrl } = migrateConfig(process.env);
const owner = new pg.Client(ownerUrl);
await owner.connect();
const { username, password } = new URL(appUrl);
const role = owner.escapeIdentifier(username);
const known = await owner.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [username]);
const verb = known.rowCount === 0 ? 'CREATE' : 'ALTER';
await owner.query(`${verb} ROLE ${role} LOGIN PASSWORD ${owner.escapeLiteral(password)}`);
await owner.query('CREATE TABLE IF NOT EXISTS stack_note (note text PRIMARY KEY)');
await owner.query(`GRANT SELECT, INSERT ON stack_note TO ${role}`);
await owner.end();
