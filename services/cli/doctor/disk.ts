import type { StatsFs } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { cliLimits } from '../limits.ts';
import { spokenBytes } from '../output/format.ts';
import { check, type Finding } from './finding.ts';

/** What is kept where in the home of `npm start`. Each may be a mount of its own. */
const FOLDERS = [
  ['.', 'logs and settings'],
  ['postgres', 'PostgreSQL'],
  ['restate', 'Restate'],
] as const;

type DiskStats = Pick<StatsFs, 'bsize' | 'blocks' | 'bavail' | 'files' | 'ffree'>;

/** What the system says about the disk of a folder. */
type StatDisk = (folder: string) => Promise<DiskStats>;

/**
 * How much is free on the disks of the home; of servers elsewhere that can't be seen from here. An error below `minFree` bytes, or the
 * default of cliLimits.
 */
export async function diskFindings(
  home: string | null,
  minFree: number | null,
  statDisk: StatDisk = statfs,
): Promise<Finding[]> {
  if (home === null) {
    const summary =
      'not checked: the data of PostgreSQL and Restate is not on this machine, as far as is known here';
    return [{ subject: 'disk', state: 'unknown', summary }];
  }
  return check('disk', async () => {
    const disks = new Map<number, { folder: string; holds: string[] }>();
    for (const [name, holds] of FOLDERS) {
      const folder = join(home, name);
      const { dev } = await stat(folder).catch(() => ({ dev: null }));
      if (dev === null) continue;
      const disk = disks.get(dev) ?? { folder, holds: [] };
      disk.holds.push(holds);
      disks.set(dev, disk);
    }
    return Promise.all(
      [...disks.values()].map(async (disk) => diskFinding(disk, await statDisk(disk.folder), minFree)),
    );
  });
}

function diskFinding(
  { folder, holds }: { folder: string; holds: readonly string[] },
  { bsize, blocks, bavail, files, ffree }: DiskStats,
  minFree: number | null,
): Finding {
  const [total, free] = [blocks * bsize, bavail * bsize];
  const { errorShare, errorBytes, warningShare, warningBytes, inodeShare } = cliLimits.diskFree;
  const subject = `disk of ${folder}`;
  const summary = `${spokenBytes(free)} of ${spokenBytes(total)} free (${holds.join(', ')})`;
  const actions = [`Make room: du -xsh ${folder}/* | sort -h`];
  if (free < (minFree ?? Math.min(errorBytes, errorShare * total))) {
    const what = free === 0 ? 'full: nothing can be written' : 'nearly full: soon nothing can be written';
    return { subject, state: 'error', summary: `${what}; ${summary}`, actions };
  }
  // A file system without inodes of its own reports none at all.
  if (files > 0 && ffree < inodeShare * files) {
    return {
      subject,
      state: 'error',
      summary: `no files can be made soon: ${ffree} inodes are free`,
      actions,
    };
  }
  if (free < Math.min(warningBytes, warningShare * total))
    return { subject, state: 'warning', summary, actions };
  return { subject, state: 'ok', summary };
}
