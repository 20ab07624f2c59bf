import { migrateConfig } from '../config/config.ts';
import { migrate } from '../postgres/migrate.ts';

// Migrates the database, creates the login role of the processes, and exits. Safe to run at any time, and concurrently.
const config = migrateConfig(process.env);
await migrate(config.ownerUrl, config.appUrl);
