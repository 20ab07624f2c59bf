import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Whether this test process may start processes as another user. Tests of what an ordinary user and root may
 * do need it.
 */
export const isRoot = process.getuid?.() === 0;

/**
 * Runs a script of this project in its own process, as the user `uid` if it is given, and returns the output.
 * The working directory is `/`, so that the result does not depend on the folder in which the tests run.
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
