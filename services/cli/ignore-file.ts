import { open } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';

import { CliError } from './failures.ts';
import { cliLimits } from './limits.ts';

/** At the root of a source directory: what is not part of the source, in the syntax of .gitignore. */
export const IGNORE_FILE = '.pointsmanignore';

/** Never part of a source, whatever the ignore file says: the history of the repository, and the data and secrets of `npm start`. */
const NEVER_SENT: ReadonlySet<string> = new Set(['.git', '.pointsman']);

/**
 * Ignored unless the ignore file takes a line back with `!`. A published file is readable for every runtime and kept permanently, so that
 * what is usually secret, private or left over must be asked for.
 */
const IGNORED_BY_DEFAULT: readonly string[] = [
  // .env, .npmrc, .aws/, .ssh/, .DS_Store, .vscode/, and the ignore file itself
  '.*',
  '*.env',
  'node_modules/',
  '__pycache__/',
  // private keys and key stores
  '*.pem',
  '*.key',
  '*.p12',
  '*.pfx',
  '*.jks',
  '*.keystore',
  '*.kdbx',
  'id_rsa',
  'id_dsa',
  'id_ecdsa',
  'id_ed25519',
  // left by editors, patches and file managers
  '*~',
  '*.swp',
  '*.swo',
  '*.orig',
  '*.rej',
  '*.tmp',
  'Thumbs.db',
  'desktop.ini',
];

/** What becomes of one entry of a directory. `never` is not worth a word; `ignored` is, since its author may miss it. */
export type Sending = 'sent' | 'ignored' | 'never';

/** Decides for each path below a directory, with the defaults and the ignore file there. Throws CliError for one that can't be read. */
export async function sendingRules(
  directory: string,
): Promise<(path: string, isDirectory: boolean) => Sending> {
  // Case counts on every machine: the same directory must give the same source everywhere.
  const rules = ignore({ ignorecase: false, allowRelativePaths: true })
    .add([...IGNORED_BY_DEFAULT])
    .add(await readIgnoreFile(join(directory, IGNORE_FILE)));
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (NEVER_SENT.has(name) || path === IGNORE_FILE) return 'never';
    return rules.ignores(isDirectory ? `${path}/` : path) ? 'ignored' : 'sent';
  };
}

/** Its text; empty when there is none. */
async function readIgnoreFile(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size <= cliLimits.ignoreFileBytes) return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    // Publishing without it could send what it keeps back.
    throw new CliError('usage', `${IGNORE_FILE} can't be read.`, { cause });
  }
  throw new CliError('usage', `${IGNORE_FILE} has more than ${cliLimits.ignoreFileBytes} bytes.`);
}
