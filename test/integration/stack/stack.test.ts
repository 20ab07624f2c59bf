import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PortTakenError } from '../../../packages/dev/embedded/ports.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';
import { DataDirInUseError } from '../../../packages/dev/stack/data-dir-lock.ts';
import { isDataDirEntry } from '../../../packages/dev/stack/data-dir-ownership.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { nothingRuns, processesOf } from '../../support/processes/processes.ts';
import { startPostgres, startRestate } from '../../support/servers/servers.ts';
import { startTestStack, type TestStack, type TestStackOptions } from '../../support/processes/stack.ts';
import { call, get, note, notes, post } from '../../support/processes/stand-in-calls.ts';
import { standIns } from '../../support/processes/stand-ins.ts';

// This file is not part of the replay run, because it tests processes. release.test.ts runs the same handlers with
// Restate replaying.

let folder: string;
let stacks: TestStack[];
/** A stack that ran once, stored the note "kept" and was stopped. Tests of a second start copy its data directory. */
let before: TestStack;

beforeAll(async () => {
  const home = join(await realpath(await mkdtemp(join(tmpdir(), 'pointsman stack '))), 'home');
  before = await startTestStack({ home, scripts: standIns });
  await note(before, 'kept');
  await before.stop();
});
afterAll(async () => {
  await rm(dirname(before.home), { recursive: true });
});
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman stack ')));
  stacks = [];
});
afterEach(async () => {
  await Promise.all(stacks.map((stack) => stack.stop()));
  expect(await processesOf(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

describe('a stack', () => {
  test('runs next to another stack with another data directory, and they share nothing', async () => {
    const [one, two] = await Promise.all([start('one'), start('two')]);
    await note(one, 'first');
    await note(two, 'second');
    expect([await notes(one), await notes(two)]).toEqual([['first'], ['second']]);
    expect(one.restate.adminUrl).not.toBe(two.restate.adminUrl);
    expect(await call(one, 'Echo/say', 'hello')).toBe('hello');
  });

  test('gives each process only the secrets that it needs, and stores its own in files that only the owner can read', async () => {
    const stack = await start('home');
    expect(await get(stack, '/')).toMatchObject({
      adminTokenSha256: createHash('sha256').update(stack.adminToken).digest('hex'),
      knowsToken: false,
      knowsOwner: false,
    });
    expect(stack.adminToken).toMatch(/^ptm_[\w-]{43}$/);
    expect((await readFile(join(stack.home, 'admin-token'), 'utf8')).trim()).toBe(stack.adminToken);
    expect((await readFile(join(stack.home, 'api-url'), 'utf8')).trim()).toBe(stack.apiUrl);
    for (const file of ['admin-token', 'postgres/pointsman.password', 'logs/api.log']) {
      expect((await stat(join(stack.home, file))).mode & 0o077).toBe(0);
    }
    // data-dir-ownership.ts refuses a folder with these entries, because another user may have created it.
    expect((await readdir(stack.home)).filter((name) => !isDataDirEntry(name))).toEqual([]);
  });

  test('refuses a data directory that another person may have written, and does not change it', async () => {
    const home = await ranBefore('home');
    await rm(join(home, 'admin-token'));
    // Simulates a file that was extracted from an archive or checked out from Git: it contains another installation's
    // hash, and all users can read it.
    await writeFile(join(home, 'admin-token.sha256'), 'a hash\n');
    await chmod(join(home, 'admin-token.sha256'), 0o644);
    await expect(start('home')).rejects.toThrow(
      /admin-token\.sha256 is open to other users\. Another person may have written it/,
    );
    expect(await readFile(join(home, 'admin-token.sha256'), 'utf8')).toBe('a hash\n');
    expect(await readdir(home)).not.toContain('admin-token');
  });

  test('uses an admin token from the environment and does not store another one', async () => {
    await ranBefore('home');
    const given = 'a-token-of-my-own';
    const second = await start('home', { env: { POINTSMAN_ADMIN_TOKEN: given } });
    expect(second.adminToken).toBe(given);
    await expect(readFile(join(second.home, 'admin-token'))).rejects.toThrow('ENOENT');
  });

  test('accepts its admin token by the stored hash even if the file with the token was removed', async () => {
    await rm(join(await ranBefore('home'), 'admin-token'));
    const second = await start('home');
    expect(second.adminToken).toBe('');
    expect((await readFile(join(second.home, 'admin-token.sha256'), 'utf8')).trim()).toBe(
      createHash('sha256').update(before.adminToken).digest('hex'),
    );
    expect(await readdir(second.home)).not.toContain('admin-token');
  });

  test('makes a new admin token when both files of the old one are deleted, and the old one is invalid', async () => {
    const home = await ranBefore('home');
    for (const file of ['admin-token', 'admin-token.sha256']) await rm(join(home, file));
    const second = await start('home');
    expect(second.adminToken).toMatch(/^ptm_[\w-]{43}$/);
    expect(second.adminToken).not.toBe(before.adminToken);
    expect(await get(second, '/')).toMatchObject({
      adminTokenSha256: createHash('sha256').update(second.adminToken).digest('hex'),
    });
  });

  test('keeps its data, its token and its address across a restart', async () => {
    await ranBefore('home');
    const second = await start('home');
    expect([second.apiUrl, second.adminToken, second.databaseUrl]).toEqual([
      before.apiUrl,
      before.adminToken,
      before.databaseUrl,
    ]);
    expect(await notes(second)).toEqual(['kept']);
  });

  test('starts from a moved data directory, and from a copy next to it', async () => {
    await rename(await ranBefore('home'), join(folder, 'moved'));
    const moved = await start('moved');
    expect(await notes(moved)).toEqual(['kept']);
    await moved.stop();
    await cp(join(folder, 'moved'), join(folder, 'copy'), { recursive: true, preserveTimestamps: true });
    const both = await Promise.all([start('moved'), start('copy')]);
    expect(await Promise.all(both.map(notes))).toEqual([['kept'], ['kept']]);
    expect(await Promise.all(both.map((stack) => call(stack, 'Echo/say', 'x')))).toEqual(['x', 'x']);
  });

  test('restarts each of its processes that dies, at the same address', async () => {
    const stack = await start('home');
    await note(stack, 'before');
    for (const name of ['api', 'worker', 'restate', 'postgres'] as const) {
      const { pid } = stack.processes[name];
      stack.processes[name].kill('SIGKILL');
      await eventually(async () => ![null, pid].includes(stack.processes[name].pid), {
        what: `${name} is back`,
      });
      await eventually(async () => (await notes(stack)).length === 1, {
        what: `the API answers after ${name} died`,
      });
      const answer = () => call(stack, 'Echo/say', name);
      await eventually(async () => (await answer()) === name, { what: `Restate answers after ${name} died` });
    }
    await eventually(async () => stack.said.includes('postgres is running again'), {
      what: 'the restart of the last process is printed',
    });
  });

  test('stops every process and reports the reason when one of them keeps dying', async () => {
    const { promise: failed, resolve } = Promise.withResolvers<string>();
    const stack = await start('home', { onFailed: resolve });
    const seen = { over: false };
    void failed.then(() => (seen.over = true));
    await eventually(
      async () => {
        await fetch(`${stack.apiUrl}/die`, { method: 'POST' }).catch(() => undefined);
        return seen.over;
      },
      { what: 'the stack stops' },
    );
    expect(await failed).toMatch(
      /^api ended 5 times within a minute, the last time with exit code 3\. Its log is in /,
    );
    await nothingRuns(stack.home);
  });

  test('fails to start with the error of the process that does not start, and leaves no process running', async () => {
    const broken = join(folder, 'broken.ts');
    await writeFile(broken, `console.error('the moon is full'); process.exit(4);`);
    await expect(start('home', { scripts: { ...standIns, worker: broken } })).rejects.toThrow(
      'the moon is full',
    );
    expect(await processesOf(folder)).toEqual([]);
    expect(await notes(await start('home'))).toEqual([]);
  });

  test('refuses a data directory on which another stack runs, and names the process of that stack', async () => {
    const stack = await start('home');
    await expect(start('home')).rejects.toThrow(DataDirInUseError);
    await expect(start('home')).rejects.toThrow(`in use by process ${process.pid}`);
    expect(await notes(stack)).toEqual([]);
  });

  test('refuses an API port that is in use, before it starts a process', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as { port: number }).port);
    const refused = start('home', { env: { POINTSMAN_PORT: port } });
    await expect(refused).rejects.toThrow(PortTakenError);
    await expect(refused).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken. Set POINTSMAN_PORT`);
    await expect(stat(join(folder, 'home', 'postgres'))).rejects.toThrow('ENOENT');
    other.close();
  });

  test('continues an invocation that waits in Restate, even if another process holds the worker’s port at the next start', async () => {
    const first = await start('home');
    const sent = await post(`${first.restate.ingressUrl}/Wait/one/run/send`, null);
    const { invocationId } = (await sent.json()) as { invocationId: string };
    const pinned = `SELECT id FROM sys_invocation WHERE pinned_deployment_id IS NOT NULL`;
    const admin = new RestateAdmin(first.restate.adminUrl);
    await eventually(async () => (await admin.query(pinned)).length === 1, {
      what: 'the invocation has begun',
    });
    await first.stop();
    const ports = JSON.parse(await readFile(join(folder, 'home', 'ports.json'), 'utf8')) as {
      worker: number;
    };
    const squatter = createServer((socket) => socket.destroy()).listen(ports.worker, '127.0.0.1');
    await once(squatter, 'listening');
    const second = await start('home');
    await call(second, 'Wait/one/say', 'late');
    const answer = await fetch(`${second.restate.ingressUrl}/restate/attach/${invocationId}`, {
      signal: AbortSignal.timeout(60_000),
    });
    expect(await answer.json()).toBe('late');
    squatter.close();
  });

  test('uses a PostgreSQL and a Restate whose addresses are configured, and does not start its own', async () => {
    const [postgres, restate] = await Promise.all([startPostgres(), startRestate()]);
    const env = {
      DATABASE_URL: postgres.ownerUrl,
      RESTATE_INGRESS_URL: restate.ingressUrl,
      RESTATE_ADMIN_URL: restate.adminUrl,
    };
    const stack = await start('home', { env });
    await note(stack, 'elsewhere');
    expect([await notes(stack), await call(stack, 'Echo/say', 'x')]).toEqual([['elsewhere'], 'x']);
    expect(stack.databaseUrl).toBe(postgres.appUrl);
    for (const name of ['postgres', 'restate']) {
      await expect(stat(join(stack.home, name))).rejects.toThrow('ENOENT');
    }
    await stack.stop();
    await Promise.all([postgres.stop(), restate.stop()]);
  });

  test('prints the warnings of its processes, and keeps the logs of this start and of the previous start', async () => {
    const first = await start('home');
    await post(`${first.apiUrl}/warn`, 'mind the gap');
    await eventually(async () => first.said.includes('api: warning: "mind the gap"'), {
      what: 'the warning is shown',
    });
    await first.stop();
    await start('home');
    expect(await readFile(join(folder, 'home', 'logs', 'api.log.1'), 'utf8')).toContain('mind the gap');
    expect(await readFile(join(folder, 'home', 'logs', 'api.log'), 'utf8')).not.toContain('mind the gap');
  });
});

async function start(name: string, options: TestStackOptions = {}): Promise<TestStack> {
  const stack = await startTestStack({ home: join(folder, name), scripts: standIns, ...options });
  stacks.push(stack);
  return stack;
}

/** Copies the data directory of {@link before} into the folder of this test, and returns its path. */
async function ranBefore(name: string): Promise<string> {
  const home = join(folder, name);
  await cp(before.home, home, { recursive: true, preserveTimestamps: true });
  return home;
}
