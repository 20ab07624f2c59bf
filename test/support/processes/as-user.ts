import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Whether this test process may become another user, as it must to show what an ordinary user or root sees. */
export const isRoot = process.getuid?.() === 0;

/**
 * Runs a script of this project in a process of its own, as an ordinary user when `uid` says so, and returns what it
 * printed. The working directory is `/`, so that nothing depends on where the tests run.
 */
export async function runScript(
  script: string,
  args: readonly string[],
  { uid, timeoutMs = 100_000 }: { uid?: number; timeoutMs?: number } = {},
): Promise<string> {
  const become = uid === undefined ? {} : { uid, gid: uid };
  const options = { ...become, timeout: timeoutMs, cwd: '/', env: { PATH: process.env.PATH ?? '' } };
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], options);
  return stdout;
}
