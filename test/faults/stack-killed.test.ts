import { chmod, chown, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRoot } from '../support/processes/as-user.ts';
import { eventually } from '../support/runs/eventually.ts';
import { nothingRuns, processesOf } from '../support/processes/processes.ts';
import { note, notes } from '../support/processes/stand-in-calls.ts';
import { spawnStack, type StackProcess } from '../support/processes/stack-process.ts';

let folder: string;
let home: string;
let started: StackProcess[];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman killed ')));
  home = join(folder, 'a home');
  started = [];
});
afterEach(async () => {
  for (const stack of started) {
    stack.process.kill('SIGTERM');
    await stack.ended;
  }
  await nothingRuns(folder);
  await rm(folder, { recursive: true });
});

describe('stopping "npm start"', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'with %s stops every process in order and exits with 0',
    async (signal) => {
      const stack = start();
      await stack.ready;
      // When a user presses Ctrl-C under npm, the process gets the signal twice: from the terminal and from npm.
      stack.process.kill(signal);
      stack.process.kill(signal);
      expect(await stack.ended).toBe(0);
      expect(stack.output()).not.toContain('Stopping immediately.');
      expect(await processesOf(folder)).toEqual([]);
      expect(await readFile(join(home, 'logs', 'postgres.log'), 'utf8')).toContain(
        'database system is shut down',
      );
      expect(await readFile(join(home, 'logs', 'restate.log'), 'utf8')).toContain('received signal SIGTERM');
    },
  );

  test('while it starts leaves no process running, and the next start is complete', async () => {
    const stack = start();
    await eventually(async () => (await processesOf(home)).length > 1, { what: 'a process runs' });
    stack.process.kill('SIGINT');
    expect(await stack.ended).toBe(0);
    expect(await processesOf(folder)).toEqual([]);
    expect(await notes({ apiUrl: await start().ready })).toEqual([]);
  });

  test('after its data directory was deleted ends every process, although its logs cannot be written', async () => {
    const stack = start();
    const url = await stack.ready;
    await rm(home, { recursive: true });
    await fetch(`${url}/warn`, { method: 'POST', body: 'the last of it' });
    await eventually(async () => stack.output().includes('the last of it'), {
      what: 'the warning is printed',
    });
    expect(stack.output()).toContain('api: warning: its log cannot be written: ENOENT');
    stack.process.kill('SIGTERM');
    expect(await stack.ended).toBe(0);
    expect(await processesOf(folder)).toEqual([]);
  });

  test('happens automatically with exit code 1 when a process keeps dying after the data directory was deleted, and leaves no process running', async () => {
    const stack = start();
    const url = await stack.ready;
    await rm(home, { recursive: true });
    await fetch(`${url}/die`, { method: 'POST' }).catch(() => undefined);
    expect(await stack.ended).toBe(1);
    expect(stack.output()).toMatch(/api ended 5 times within a minute/);
    await nothingRuns(folder);
  });

  test('with a second signal kills a process that does not stop', async () => {
    const stack = start();
    const url = await stack.ready;
    const { pid } = (await (await fetch(url)).json()) as { pid: number };
    process.kill(pid, 'SIGSTOP');
    stack.process.kill('SIGINT');
    await eventually(
      async () => {
        stack.process.kill('SIGINT');
        return stack.output().includes('Stopping immediately.');
      },
      { what: 'the second signal is handled' },
    );
    expect(await stack.ended).toBe(0);
    expect(await processesOf(folder)).toEqual([]);
  });
});

describe('an "npm start" that is killed', () => {
  test('leaves no process running, and the next start has the written data', async () => {
    const first = start();
    const url = await first.ready;
    await note({ apiUrl: url }, 'written before');
    first.process.kill('SIGKILL');
    await nothingRuns(folder);
    expect(await notes({ apiUrl: await start().ready })).toEqual(['written before']);
  });

  test('and started again immediately still has the written data', async () => {
    const first = start();
    await note({ apiUrl: await first.ready }, 'written before');
    first.process.kill('SIGKILL');
    expect(await notes({ apiUrl: await start().ready })).toEqual(['written before']);
  });

  test('together with its watchdog leaves orphans, and the next start ends them and has the written data', async () => {
    const first = start();
    await note({ apiUrl: await first.ready }, 'written before');
    const watchdog = await watchdogOf(home);
    process.kill(watchdog, 'SIGSTOP');
    first.process.kill('SIGKILL');
    process.kill(watchdog, 'SIGKILL');
    await first.ended;
    const second = start();
    expect(await notes({ apiUrl: await second.ready })).toEqual(['written before']);
    expect(second.output()).toMatch(/^ended orphaned processes of an earlier start: .*restate, postgres$/m);
  });

  test('while it initializes PostgreSQL is followed by a start with a complete database', async () => {
    await killedWhileMaking();
    expect(await halfMade()).toBeDefined();
    expect(await notes({ apiUrl: await start().ready })).toEqual([]);
    expect(await halfMade()).toBeUndefined();
  });

  test('is followed by a start that does not end another process that now has a process ID of the killed stack', async () => {
    const first = start();
    await first.ready;
    first.process.kill('SIGTERM');
    await first.ended;
    for (const part of ['api', 'worker', 'restate', 'postgres']) {
      await writeFile(join(home, 'run', `${part}.pid`), String(process.pid));
    }
    const second = start();
    await second.ready;
    expect(second.output()).not.toContain('ended orphaned processes');
  });

  test('leaves no process running, even if its watchdog was killed and replaced earlier', async () => {
    const stack = start();
    await stack.ready;
    const watchdog = await watchdogOf(home);
    process.kill(watchdog, 'SIGKILL');
    await eventually(async () => (await watchdogOf(home)) !== watchdog, { what: 'another watchdog' });
    stack.process.kill('SIGKILL');
    await nothingRuns(folder);
  });
});

describe('"npm start"', () => {
  test('reports every mistake in the settings and creates nothing', async () => {
    const stack = start({
      POINTSMAN_PORT: 'x',
      POINTSMAN_ADMIN_TOKEN: 'short',
      RESTATE_ADMIN_URL: 'http://127.0.0.1:1',
    });
    expect(await stack.ended).toBe(1);
    await expect(stack.ready).rejects.toThrow(
      /POINTSMAN_PORT.*\n.*POINTSMAN_ADMIN_TOKEN.*\n.*RESTATE_INGRESS_URL/,
    );
    expect(stack.output()).not.toContain('short\n');
    await expect(readFile(join(home, 'ports.json'))).rejects.toThrow('ENOENT');
  });

  test('prints the admin token at the first start only', async () => {
    const first = start();
    await first.ready;
    const token = /ptm_[\w-]{43}/.exec(first.output())?.[0];
    expect(token).toBeDefined();
    first.process.kill('SIGTERM');
    await first.ended;
    const second = start();
    await second.ready;
    expect(second.output()).not.toContain('ptm_');
    expect((await readFile(join(home, 'admin-token'), 'utf8')).trim()).toBe(token);
  });

  test.runIf(isRoot)('runs as root in a folder that only root can enter', async () => {
    await chmod(folder, 0o700);
    const url = await start().ready;
    await note({ apiUrl: url }, 'by root');
    expect(await notes({ apiUrl: url })).toEqual(['by root']);
  });

  test.runIf(isRoot)('runs as an ordinary user', async () => {
    await chown(folder, 1000, 1000);
    const stack = spawnStack({ POINTSMAN_HOME: home }, { uid: 1000 });
    started.push(stack);
    const url = await stack.ready;
    await note({ apiUrl: url }, 'by a user');
    expect(await notes({ apiUrl: url })).toEqual(['by a user']);
  });
});

function start(env: Record<string, string> = {}): StackProcess {
  const stack = spawnStack({ POINTSMAN_HOME: home, ...env });
  started.push(stack);
  return stack;
}

async function halfMade(): Promise<string | undefined> {
  return (await readdir(home)).find((name) => name.startsWith('postgres.half-made-'));
}

/**
 * Starts the stack and kills it while initdb runs. If initdb was already done before the kill, it tries again in a
 * new folder.
 */
async function killedWhileMaking(): Promise<void> {
  const isThere = async (...path: string[]): Promise<boolean> =>
    stat(join(home, ...path)).then(
      () => true,
      () => false,
    );
  const killed = async (): Promise<boolean> => {
    const stack = start();
    const begun = async () =>
      (await isThere((await halfMade()) ?? '', 'data', 'base')) || isThere('postgres');
    await eventually(begun, { what: 'initdb runs' });
    stack.process.kill('SIGKILL');
    await stack.ended;
    if (!(await isThere('postgres'))) return true;
    await nothingRuns(home);
    await rm(home, { recursive: true });
    return false;
  };
  await eventually(killed, { what: 'a start that is killed in the middle' });
}

async function watchdogOf(of: string): Promise<number> {
  return eventually(
    async () => {
      for (const pid of await processesOf(of)) {
        const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (line.includes('/watchdog.ts')) return pid;
      }
      return null;
    },
    { what: 'a watchdog is running' },
  );
}
