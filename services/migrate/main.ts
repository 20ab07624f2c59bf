import { migrateConfig } from '../config/config.ts';
import { migrate } from '../postgres/migrate.ts';

// Migrates the database, creates the role with which the API and the worker log in, and exits. It may run at any
// time, and several times concurrently.
const config = migrateConfig(process.env);
await migrate(config.ownerUrl, config.appUrl);
