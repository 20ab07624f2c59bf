import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Whether this test process may start processes as another user. Tests that compare the rights of root and of an ordinary user need this.
 */
export const isRoot = process.getuid?.() === 0;

/**
 * Runs a script of this project in its own process, as the user `uid` if it is given. Returns the output. The working directory is `/`, so
 * the result does not depend on the folder in which the tests run.
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
