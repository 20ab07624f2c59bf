import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PortBook, startOnPorts } from '../../../packages/dev/embedded/ports.ts';
import { startEmbeddedPostgres } from '../../../packages/dev/postgres/embedded.ts';

/**
 * The environment variable with the folder of an initialized PostgreSQL. Tests copy this folder, because `initdb` takes most of the startup
 * time.
 */
export const POSTGRES_TEMPLATE = 'POINTSMAN_TEST_POSTGRES_TEMPLATE';

let folder: string | null = null;

/** Vitest calls this once before the tests of a project, in the process that starts the test processes. */
export async function setup(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-postgres-template-'));
  const where = folder;
  const dataDir = join(where, 'data');
  const server = await startOnPorts(PortBook.inMemory(), ['postgres'], ({ postgres: port }) =>
    startEmbeddedPostgres({ dataDir, logFile: join(where, 'postgres.log'), port, fsync: false }),
  );
  await server.stop();
  process.env[POSTGRES_TEMPLATE] = dataDir;
}

/** Vitest calls this after the tests. */
export async function teardown(): Promise<void> {
  if (folder !== null) await rm(folder, { recursive: true, force: true });
}
