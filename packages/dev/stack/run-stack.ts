import { stackConfig, type StackConfig } from '../../../services/config/config.ts';
import { ConfigError, type Environment } from '../../../services/config/read-settings.ts';
import { serverLimits } from '../embedded/limits.ts';
import { adminTokenFile } from './admin-token.ts';
import type { Scripts } from './options.ts';
import { startStack, type Stack } from './stack.ts';

/**
 * Runs a stack as the main program of this process. Starts the stack, prints its addresses, and ends the
 * process when the stack has stopped. The exit code is 0 after a signal and 1 after a failure.
 *
 * The first SIGINT, SIGTERM or SIGHUP stops the stack gracefully, and a second one kills it. If this process
 * was started with an IPC channel, the end of that channel counts as a signal.
 */
export async function runStack(env: Environment, { scripts }: { scripts?: Scripts } = {}): Promise<void> {
  // Write errors are ignored. The reader of the output may have ended, and the stack must continue anyway.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  const config = readConfig(env);
  const abort = new AbortController();
  let stack: Stack | null = null;

  onSignals((again) => {
    if (stack === null) {
      abort.abort();
      return;
    }
    console.log(again ? 'Stopping immediately.' : 'Stopping. Press Ctrl-C again to stop immediately.');
    void stack.stop({ atOnce: again }).then(
      () => process.exit(0),
      (error: unknown) => fail(String(error)),
    );
  });

  try {
    stack = await startStack({
      config,
      env,
      print: (line) => console.error(line),
      signal: abort.signal,
      onFailed: fail,
      ...(scripts === undefined ? {} : { scripts }),
    });
    console.log(welcome(stack));
  } catch (error) {
    if (abort.signal.aborted) process.exit(0);
    fail(error instanceof Error ? error.message : String(error));
  }
}

// Calls `act` for each signal. `again` is false for the first one. Under npm, one Ctrl-C arrives twice, from
// the terminal and from npm, and counts once.
function onSignals(act: (again: boolean) => void): void {
  let firstAt: number | null = null;
  const onSignal = (): void => {
    const now = performance.now();
    if (firstAt !== null && now - firstAt < serverLimits.sameSignalMs) return;
    act(firstAt !== null);
    firstAt ??= now;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  process.on('disconnect', onSignal);
  // If the IPC channel has already closed before the listener was added, there is no event, so this is
  // checked here.
  if (process.send !== undefined && !process.connected) onSignal();
}

function readConfig(env: Environment): StackConfig {
  try {
    return stackConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message);
    throw error;
  }
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function welcome({ apiUrl, admin, dataDir, restate, database }: Stack): string {
  const file = adminTokenFile(dataDir);
  const token = {
    'made now': `${admin.token}\n                  shown this once; a copy for the command line is in ${file}`,
    kept:
      admin.token === null
        ? `as shown at the first start; delete ${file}.sha256 for a new one`
        : `in ${file}`,
    given: 'as set in POINTSMAN_ADMIN_TOKEN',
  }[admin.origin];
  const { hostname, port, pathname } = new URL(database.appUrl);
  return [
    'Pointsman is ready.',
    `  API             ${apiUrl}`,
    `  Admin token     ${token}`,
    `  Restate admin   ${restate.adminUrl}`,
    `  Restate ingress ${restate.ingressUrl}`,
    `  Restate UI      ${restate.adminUrl}/ui/`,
    `  PostgreSQL      ${hostname}:${port || '5432'}${pathname}`,
    `  Data            ${dataDir.path}`,
  ].join('\n');
}
