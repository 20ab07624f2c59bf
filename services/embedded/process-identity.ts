import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Whether that process runs now and is ours, that is, an argument of its command line or its working directory lies in
 * `folder`. A number alone proves nothing: after a crash the system may have given it to anybody.
 */
export async function isProcessOf(pid: number, folder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (line === null) return (await commandLineByPs(pid)).some((rest) => begins(rest, folder, ['/', ' ']));
  // `--base-dir=/x` names the folder as much as `-D /x` does.
  const args = line.split('\0').map((arg) => arg.replace(/^--[a-z-]+=/, ''));
  if (args.some((arg) => begins(arg, folder, ['/']))) return true;
  const cwd = await realpath(`/proc/${pid}/cwd`).catch(() => null);
  return cwd !== null && begins(cwd, await realpath(folder).catch(() => folder), ['/']);
}

/** Whether that number is taken by a process, whoever owns it; one that has ended but was not yet waited for counts. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// Where there is no /proc, ps joins the arguments with spaces. The line is tried from every word on, so that a folder with
// a space in its name is still found.
async function commandLineByPs(pid: number): Promise<string[]> {
  const run = promisify(execFile);
  const answer = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const line = answer.stdout.trim();
  return [...line.matchAll(/\S+/g)].map((word) => line.slice(word.index).replace(/^--[a-z-]+=/, ''));
}

function begins(path: string, folder: string, ends: readonly string[]): boolean {
  return path === folder || ends.some((end) => path.startsWith(folder + end));
}
