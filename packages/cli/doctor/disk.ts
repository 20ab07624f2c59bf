import type { StatsFs } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { cliLimits } from '../limits.ts';
import { humanBytes } from '../output/format.ts';
import { check, type Finding } from './finding.ts';

/** What the home of `npm start` stores where. Each folder may be a mount. */
const FOLDERS = [
  ['.', 'logs and settings'],
  ['postgres', 'PostgreSQL'],
  ['restate', 'Restate'],
] as const;

type DiskStats = Pick<StatsFs, 'bsize' | 'blocks' | 'bavail' | 'files' | 'ffree'>;

/** Reads the statistics of a folder's disk. */
type StatDisk = (folder: string) => Promise<DiskStats>;

/**
 * The free space on the disks of the home. Disks of remote servers can't be checked. An error below `minFree` bytes, or the default of
 * cliLimits.
 */
export async function diskFindings(
  home: string | null,
  minFree: number | null,
  statDisk: StatDisk = statfs,
): Promise<Finding[]> {
  if (home === null) {
    const summary = 'not checked: the data of PostgreSQL and Restate is not known to be on this machine';
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
  const summary = `${humanBytes(free)} of ${humanBytes(total)} free (${holds.join(', ')})`;
  const actions = [`Free some space: du -xsh ${folder}/* | sort -h`];
  if (free < (minFree ?? Math.min(errorBytes, errorShare * total))) {
    const what = free === 0 ? 'full: writes fail' : 'almost full: writes will fail soon';
    return { subject, state: 'error', summary: `${what}; ${summary}`, actions };
  }
  // A file system without its own inodes reports zero.
  if (files > 0 && ffree < inodeShare * files) {
    return {
      subject,
      state: 'error',
      summary: `almost no inodes: only ${ffree} further files can be created`,
      actions,
    };
  }
  if (free < Math.min(warningBytes, warningShare * total))
    return { subject, state: 'warning', summary, actions };
  return { subject, state: 'ok', summary };
}
