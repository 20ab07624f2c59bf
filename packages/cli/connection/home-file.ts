import { join } from 'node:path';

import { readRegularFile } from '@pointsman/protocol/files/regular-file';
import { cliLimits } from '../limits.ts';
import { given } from '../settings.ts';

/**
 * Returns the text of a file in the data directory of `npm start`. Returns null if the file is missing, empty
 * or unreadable.
 */
export function readHomeFile(home: string, name: 'api-url' | 'admin-token'): string | null {
  try {
    return given(readRegularFile(join(home, name), cliLimits.homeFileBytes).toString('utf8').trim());
  } catch {
    return null;
  }
}
