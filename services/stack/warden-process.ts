import { spawn, type ChildProcess } from 'node:child_process';
import { serverLimits } from '../embedded/limits.ts';
import type { Home } from './home.ts';
import { scriptPath } from './options.ts';

export interface Warden {
  readonly pid: number;
  /** Ends it; to be called when there is nothing left that it should end. */
  dismiss(): Promise<void>;
}

/** Posts the process that ends this home's parts should we be killed. It is replaced when somebody kills it. */
export function postWarden(home: Home): Warden {
  let dismissed = false;
  let current = post(home);
  const replaceWhenGone = (warden: ChildProcess): void => {
    warden.once('exit', () => {
      if (dismissed) return;
      setTimeout(() => {
        if (dismissed) return;
        current = post(home);
        replaceWhenGone(current);
      }, serverLimits.restartDelayMs).unref();
    });
  };
  replaceWhenGone(current);
  return {
    get pid() {
      return current.pid as number;
    },
    dismiss: async () => {
      dismissed = true;
      if (current.exitCode !== null || current.signalCode !== null) return;
      const gone = new Promise((exited) => current.once('exit', exited));
      current.kill('SIGKILL');
      await gone;
    },
  };
}

// In a session of its own, so that a signal to the terminal's whole group does not reach it.
function post(home: Home): ChildProcess {
  const script = scriptPath('./warden');
  const warden = spawn(process.execPath, [script, home.path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  warden.on('error', () => undefined);
  warden.stdin.on('error', () => undefined);
  return warden;
}
