import type { StatsFs } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { humanBytes } from '@pointsman/protocol/text/amounts';
import { diagnosisLimits } from './limits.ts';

/** The folders in the data directory of `npm start`, each with a description of its contents. Each folder may be a separate mount. */
const FOLDERS = [
  ['.', 'logs and settings'],
  ['postgres', 'PostgreSQL'],
  ['restate', 'Restate'],
] as const;

type DiskStats = Pick<StatsFs, 'bsize' | 'blocks' | 'bavail' | 'files' | 'ffree'>;

/** Reads the statistics of the file system that contains a folder. */
type StatDisk = (folder: string) => Promise<DiskStats>;

/**
 * Reports the free disk space of the data directory. If `dataDir` is null, the location of the stored data is unknown and no disk is
 * checked.
 */
export async function diskFindings(dataDir: string | null, statDisk: StatDisk = statfs): Promise<Finding[]> {
  if (dataDir === null) {
    const summary =
      'not checked: only npm start stores the data of PostgreSQL and Restate in a known folder (POINTSMAN_HOME of the API)';
    return [{ subject: 'disk', state: 'unknown', summary, actions: [] }];
  }
  const disks = new Map<number, { folder: string; holds: string[] }>();
  for (const [name, holds] of FOLDERS) {
    const folder = join(dataDir, name);
    const { dev } = await stat(folder).catch(() => ({ dev: null }));
    if (dev === null) continue;
    const disk = disks.get(dev) ?? { folder, holds: [] };
    disk.holds.push(holds);
    disks.set(dev, disk);
  }
  return Promise.all([...disks.values()].map(async (disk) => diskFinding(disk, await statDisk(disk.folder))));
}

function diskFinding(
  { folder, holds }: { folder: string; holds: readonly string[] },
  { bsize, blocks, bavail, files, ffree }: DiskStats,
): Finding {
  const [total, free] = [blocks * bsize, bavail * bsize];
  const { errorShare, errorBytes, warningShare, warningBytes, inodeShare } = diagnosisLimits.diskFree;
  const subject = `disk of ${folder}`;
  const summary = `${humanBytes(free)} of ${humanBytes(total)} free (${holds.join(', ')})`;
  const actions = [`Free some space: du -xsh ${folder}/* | sort -h`];
  if (free < Math.min(errorBytes, errorShare * total)) {
    const what = free === 0 ? 'full: writes fail' : 'almost full: writes will fail soon';
    return { subject, state: 'error', summary: `${what}; ${summary}`, actions };
  }
  // `files` is zero on a file system without an inode limit.
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
  return { subject, state: 'ok', summary, actions: [] };
}
