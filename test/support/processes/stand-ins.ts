import { fileURLToPath } from 'node:url';
import type { Scripts } from '../../../packages/dev/stack/options.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Small processes that replace the project's own, for tests of the stack itself. */
export const standIns: Scripts = {
  migrate: here('./stand-in-migrate.ts'),
  worker: here('./stand-in-worker.ts'),
  api: here('./stand-in-api.ts'),
};
