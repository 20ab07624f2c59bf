import { join } from 'node:path';

import { PortBook } from '../../embedded/ports.ts';
import { readKept } from '../client/home-file.ts';
import type { Environment } from '../settings.ts';

/** What is behind the API, as far as it is known here. */
export interface Systems {
  readonly restateAdminUrl: string | null;
  readonly restateIngressUrl: string | null;
  readonly databaseUrl: string | null;
  /** All of them are those of this machine's `npm start`. */
  readonly isOwnStack: boolean;
  /** The home of that `npm start`. */
  readonly home: string;
}

/**
 * The environment's systems; for an API of this machine's `npm start` also its Restate, whose ports the home keeps. The home's
 * database is not among them: its secrets are the stack's own.
 */
export async function findSystems(env: Environment, apiUrl: string): Promise<Systems> {
  const home = env.POINTSMAN_HOME || '.pointsman';
  const isOwnStack = readKept(home, 'api-url') === apiUrl;
  const book = isOwnStack ? PortBook.open(join(home, 'ports.json')) : PortBook.inMemory();
  const local = (name: string): string | null => {
    const port = book.stored(name);
    return port === null ? null : `http://127.0.0.1:${port}`;
  };
  return {
    restateAdminUrl: env.RESTATE_ADMIN_URL || local('admin'),
    restateIngressUrl: env.RESTATE_INGRESS_URL || local('ingress'),
    databaseUrl: env.DATABASE_URL || null,
    isOwnStack,
    home,
  };
}
