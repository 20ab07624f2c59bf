import { join } from 'node:path';

import { PortBook } from '../../dev/embedded/ports.ts';
import { readHomeFile } from '../connection/home-file.ts';
import type { Environment } from '../settings.ts';

/** The systems behind the API, as far as they are known here. */
export interface Systems {
  readonly restateAdminUrl: string | null;
  readonly restateIngressUrl: string | null;
  readonly databaseUrl: string | null;
  /** All of them belong to this machine's `npm start`. */
  readonly isOwnStack: boolean;
  /** The home of that `npm start`. */
  readonly home: string;
}

/**
 * The systems from the environment. For this machine's `npm start` also its Restate, whose ports are in the home. The home's database is
 * not included: its secrets belong to the stack.
 */
export async function findSystems(env: Environment, apiUrl: string): Promise<Systems> {
  const home = env.POINTSMAN_HOME || '.pointsman';
  const isOwnStack = readHomeFile(home, 'api-url') === apiUrl;
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
