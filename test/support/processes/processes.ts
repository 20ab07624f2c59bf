import { readdir } from 'node:fs/promises';
import { isProcessOf } from '../../../packages/dev/embedded/process-identity.ts';
import { eventually } from '../runs/eventually.ts';

/** Lists every process of this machine whose command line contains the folder, or whose working directory is in it. */
export async function processesOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const ours = await Promise.all(pids.map(async (pid) => ({ pid, its: await isProcessOf(pid, folder) })));
  return ours.filter(({ its }) => its).map(({ pid }) => pid);
}

/** Waits until no process runs in the folder. */
export async function nothingRuns(folder: string): Promise<void> {
  await eventually(async () => (await processesOf(folder)).length === 0, {
    what: `nothing of ${folder} runs`,
  });
}
