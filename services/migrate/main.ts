import { migrateConfig } from '../config/config.ts';
import { migrate } from '../postgres/migrate.ts';

// Brings the database up to date, makes the role that the processes log in as, and ends. Safe to run at any time and twice at once.
const config = migrateConfig(process.env);
await migrate(config.ownerUrl, config.appUrl);
