import { join } from 'node:path';
import ignore from 'ignore';

import { FileError, readRegularFile } from '@pointsman/protocol/files/regular-file';
import { CliError } from '../failures.ts';
import { cliLimits } from '../limits.ts';

/**
 * The ignore file in the root of a source directory. It lists files that are not published, in the syntax of
 * .gitignore.
 */
export const IGNORE_FILE = '.pointsmanignore';

/**
 * Names that are never published, in upper or lower case, even if the ignore file includes them: the Git
 * history, and the data and secrets of `npm start`.
 */
const NEVER_SENT: ReadonlySet<string> = new Set(['.git', '.pointsman']);

/**
 * Case-insensitive name patterns that are ignored unless the ignore file includes them with `!`. Published
 * files are stored permanently, and every runtime can read them. Files that are usually secret, private or
 * temporary must therefore be included explicitly.
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
  // credentials of services, and Terraform's copies of them
  'credentials.json',
  'service-account*.json',
  '*.tfstate',
  '*.tfstate.*',
  // backups of editors, patches and file managers
  '*~',
  '*.swp',
  '*.swo',
  '*.orig',
  '*.rej',
  '*.tmp',
  'Thumbs.db',
  'desktop.ini',
];

/**
 * The treatment of an entry of a directory. `ignored` entries are reported, because the author may expect
 * them in the source. `never` entries are not reported.
 */
export type Sending = 'sent' | 'ignored' | 'never';

/**
 * Returns a function that determines the treatment of each path below a directory, by the defaults and the
 * ignore file. Throws CliError if the ignore file can't be read.
 */
export function sendingRules(directory: string): (path: string, isDirectory: boolean) => Sending {
  // The author's patterns are case-sensitive on every machine: the same directory must give the same source everywhere.
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
    // The defaults only check the entry's own name. If the ignore file includes a folder, everything in it is
    // included.
    return !unignored && defaults.ignores(`${name}${end}`) ? 'ignored' : 'sent';
  };
}

/** The text of the ignore file; empty if it does not exist. */
function readIgnoreFile(path: string): string {
  try {
    return readRegularFile(path, cliLimits.ignoreFileBytes).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.fault === 'missing') return '';
    // Publishing without it could send files that it excludes.
    if (error.fault === 'too large')
      throw new CliError('usage', `${IGNORE_FILE} has more than ${cliLimits.ignoreFileBytes} bytes.`);
    throw new CliError('usage', `${IGNORE_FILE} can't be read: ${error.message}.`, { cause: error });
  }
}
