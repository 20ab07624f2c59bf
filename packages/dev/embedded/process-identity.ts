import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Returns whether the process is running and belongs to the folder, which means that an argument of its
 * command line or its working directory is in `folder`. A process ID alone proves nothing, because the system
 * may have reused it after a crash.
 */
export async function isProcessOf(pid: number, folder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (line === null)
    return (await commandLineByPs(pid)).some((rest) => startsWithPath(rest, folder, ['/', ' ']));
  // Removes option names, so that `--base-dir=/x` matches like `-D /x`.
  const args = line.split('\0').map((arg) => arg.replace(/^--[a-z-]+=/, ''));
  if (args.some((arg) => startsWithPath(arg, folder, ['/']))) return true;
  const cwd = await realpath(`/proc/${pid}/cwd`).catch(() => null);
  return cwd !== null && startsWithPath(cwd, await realpath(folder).catch(() => folder), ['/']);
}

/** Returns whether a process with this ID exists, even if it belongs to another user or is a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// Without /proc, ps joins the arguments with spaces. The line is checked from every word onwards, so that a
// folder with a space in its name is found.
async function commandLineByPs(pid: number): Promise<string[]> {
  const run = promisify(execFile);
  const output = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const line = output.stdout.trim();
  return [...line.matchAll(/\S+/g)].map((word) => line.slice(word.index).replace(/^--[a-z-]+=/, ''));
}

function startsWithPath(path: string, folder: string, ends: readonly string[]): boolean {
  return path === folder || ends.some((end) => path.startsWith(folder + end));
}
