import { join } from 'node:path';
import ignore from 'ignore';

import { FileError, readRegularFile } from '@pointsman/protocol/files/regular-file';
import { CliError } from '../failures.ts';
import { cliLimits } from '../limits.ts';

/**
 * The name of the ignore file in the root of a source directory. It lists files that must not be published,
 * in the syntax of .gitignore.
 */
export const IGNORE_FILE = '.pointsmanignore';

/**
 * Names that are never published, in upper or lower case: the Git history, and the data directory of `npm
 * start`, which contains secrets. An ignore file can't include them.
 */
const NEVER_SENT: ReadonlySet<string> = new Set(['.git', '.pointsman']);

/**
 * Name patterns of files that are ignored unless the ignore file includes them with `!`. Case is ignored.
 *
 * Published files are stored permanently, and every runtime can read them. Files that are usually secret,
 * private or temporary are therefore published only if the author includes them explicitly.
 */
const IGNORED_BY_DEFAULT: readonly string[] = [
  // This pattern matches .env, .netrc, .npmrc, .pypirc, .aws/, .ssh/, .DS_Store, .vscode/, and the ignore
  // file itself.
  '.*',
  '*.env',
  'node_modules/',
  '__pycache__/',
  // These patterns match private keys and key stores.
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
  // These patterns match credentials of services, and Terraform state files, which contain copies of
  // credentials.
  'credentials.json',
  'service-account*.json',
  '*.tfstate',
  '*.tfstate.*',
  // These patterns match backup files of editors, patch tools and file managers.
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
 * Whether an entry of a directory is published. `ignored` entries are listed to the user, who may expect them
 * in the source. `never` entries are left out without a message.
 */
export type Sending = 'sent' | 'ignored' | 'never';

/**
 * Returns a function that determines for each path below a directory whether it is published. It uses the
 * default patterns and the ignore file. Throws CliError if the ignore file can't be read.
 */
export function sendingRules(directory: string): (path: string, isDirectory: boolean) => Sending {
  // The patterns of the ignore file are case-sensitive on every operating system, so that the same directory
  // gives the same source everywhere.
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
    // The default patterns are compared only with the entry's own name. If the ignore file includes a folder,
    // the files in it are included too.
    return !unignored && defaults.ignores(`${name}${end}`) ? 'ignored' : 'sent';
  };
}

/** Returns the text of the ignore file. Returns an empty text if the file does not exist. */
function readIgnoreFile(path: string): string {
  try {
    return readRegularFile(path, cliLimits.ignoreFileBytes).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.fault === 'missing') return '';
    // A file that can't be read is an error: publishing without it could send files that it excludes.
    if (error.fault === 'too large')
      throw new CliError('usage', `${IGNORE_FILE} has more than ${cliLimits.ignoreFileBytes} bytes.`);
    throw new CliError('usage', `${IGNORE_FILE} can't be read: ${error.message}.`, { cause: error });
  }
}
