import { join } from 'node:path';
import ignore from 'ignore';

import { FileError, readRegularFile } from '../../config/regular-file.ts';
import { CliError } from '../failures.ts';
import { cliLimits } from '../limits.ts';

/** At the root of a source directory: what is not part of the source, in the syntax of .gitignore. */
export const IGNORE_FILE = '.pointsmanignore';

/** Never part of a source, in upper or lower case, whatever the ignore file says: the history of the repository, and the data and secrets of `npm start`. */
const NEVER_SENT: ReadonlySet<string> = new Set(['.git', '.pointsman']);

/**
 * Patterns of names, in upper and lower case, that are ignored unless the ignore file takes them back with `!`. A published file is readable
 * for every runtime and kept permanently, so that what is usually secret, private or left over must be asked for.
 */
const IGNORED_BY_DEFAULT: readonly string[] = [
  // .env, .netrc, .npmrc, .pypirc, .aws/, .ssh/, .DS_Store, .vscode/, and the ignore file itself
  '.*',
  '*.env',
  'node_modules/',
  '__pycache__/',
  // private keys and key stores
  '*.pem',
  '*.key',
  '*.ppk',
  '*.p12',
  '*.pfx',
  '*.jks',
  '*.keystore',
  '*.kdbx',
  'id_rsa',
  'id_dsa',
  'id_ecdsa',
  'id_ed25519',
  // credentials of services, and what Terraform keeps of them
  'credentials.json',
  'service-account*.json',
  '*.tfstate',
  '*.tfstate.*',
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
export function sendingRules(directory: string): (path: string, isDirectory: boolean) => Sending {
  // Of what its author names, case counts on every machine: the same directory must give the same source everywhere.
  const named = ignore({ ignorecase: false, allowRelativePaths: true }).add(
    readIgnoreFile(join(directory, IGNORE_FILE)),
  );
  const defaults = ignore({ ignorecase: true }).add([...IGNORED_BY_DEFAULT]);
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (NEVER_SENT.has(name.toLowerCase()) || path === IGNORE_FILE) return 'never';
    const end = isDirectory ? '/' : '';
    const { ignored, unignored } = named.test(`${path}${end}`);
    if (ignored) return 'ignored';
    // By the name alone: a folder that the ignore file takes back is taken back with what is in it.
    return !unignored && defaults.ignores(`${name}${end}`) ? 'ignored' : 'sent';
  };
}

/** Its text; empty when there is none. */
function readIgnoreFile(path: string): string {
  try {
    return readRegularFile(path, cliLimits.ignoreFileBytes).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.fault === 'missing') return '';
    // Publishing without it could send what it keeps back.
    if (error.fault === 'too large')
      throw new CliError('usage', `${IGNORE_FILE} has more than ${cliLimits.ignoreFileBytes} bytes.`);
    throw new CliError('usage', `${IGNORE_FILE} can't be read: ${error.message}.`, { cause: error });
  }
}
