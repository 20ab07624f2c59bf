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

/** The folder with the initialized PostgreSQL, which the projects of a run share. */
let template: Promise<string> | null = null;
let projects = 0;

/** Vitest calls this before the tests, once for each project of the run, in the process that starts the test processes. */
export async function setup(): Promise<void> {
  projects += 1;
  template ??= initialize();
  process.env[POSTGRES_TEMPLATE] = join(await template, 'data');
}

/** Vitest calls this after the tests, once for each project of the run. */
export async function teardown(): Promise<void> {
  projects -= 1;
  if (projects === 0 && template !== null) await rm(await template, { recursive: true, force: true });
}

async function initialize(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-postgres-template-'));
  const server = await startOnPorts(PortBook.inMemory(), ['postgres'], ({ postgres: port }) =>
    startEmbeddedPostgres({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'postgres.log'),
      port,
      fsync: false,
    }),
  );
  await server.stop();
  return folder;
}
