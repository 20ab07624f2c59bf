import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PortBook, PortTakenError, startOnPorts } from '../../packages/dev/embedded/ports.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../packages/dev/postgres/embedded.ts';
import { embeddedBinaries } from '../../packages/dev/postgres/embedded-binaries.ts';
import { prepareCluster } from '../../packages/dev/postgres/embedded-cluster.ts';
import { postgresUser } from '../../packages/dev/postgres/embedded-user.ts';
import { isRoot, runScript } from '../support/processes/as-user.ts';

const script = fileURLToPath(new URL('../support/servers/postgres-once.ts', import.meta.url));
let folder: string;
let started: EmbeddedPostgres[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman pg '));
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((server) => server.stop()));
  await rm(folder, { recursive: true });
});

describe('the embedded PostgreSQL', () => {
  test('keeps committed data when it is killed, and starts in spite of its orphaned processes and its stale lock file', async () => {
    const first = await start();
    await sql(first, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)');
    await first.process.stop([]);
    expect(await readdir(join(folder, 'data'))).toContain('postmaster.pid');
    const second = await start();
    expect(await sql(second, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  test('listens on loopback only, has checksums and fsync enabled, and refuses a wrong password', async () => {
    const server = await start({ fsync: true });
    const settings = [
      'listen_addresses',
      'unix_socket_directories',
      'data_checksums',
      'fsync',
      'password_encryption',
    ];
    const rows = await sql(
      server,
      `SELECT name, setting FROM pg_settings WHERE name IN ('${settings.join("','")}')`,
    );
    expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      data_checksums: 'on',
      fsync: 'on',
      password_encryption: 'scram-sha-256',
    });
    const url = new URL(server.ownerUrl);
    url.password = 'wrong';
    await expect(new pg.Client(url.href).connect()).rejects.toThrow('password authentication failed');
  });

  test('removes an incompletely initialized data directory and initializes a complete one', async () => {
    const half = join(folder, 'data.half-made-12345', 'data');
    await mkdir(half, { recursive: true });
    await writeFile(join(half, 'PG_VERSION'), '18\n');
    expect(await sql(await start(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readdir(folder)).toSorted()).toEqual(['data', 'log']);
  });

  test('does not touch a folder with other content', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'diary.txt'), 'dear diary');
    await expect(start()).rejects.toThrow('is not a PostgreSQL data folder');
    expect(await readdir(join(folder, 'data'))).toEqual(['diary.txt']);
  });

  test('starts although its lock file contains the process ID of another process', async () => {
    await (await start()).stop();
    await writeFile(join(folder, 'data', 'postmaster.pid'), `${process.pid}\n${join(folder, 'data')}\n`);
    expect(await sql(await start(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('does not start twice on one data directory', async () => {
    const { process: running } = await start();
    await expect(start()).rejects.toThrow(`process ${running.pid}`);
  });

  test('starts from a moved data directory with its password and its data', async () => {
    const first = await start();
    await sql(first, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (8)');
    await first.stop();
    await rename(join(folder, 'data'), join(folder, 'moved data'));
    const second = await start({ name: 'moved data' });
    expect(await sql(second, 'SELECT n FROM kept')).toEqual([{ n: 8 }]);
  });

  test('reports that its port is in use, and can start on another port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(startAt(port)).rejects.toThrow(PortTakenError);
    const book = PortBook.open(join(folder, 'ports.json'));
    await writeFile(join(folder, 'ports.json'), JSON.stringify({ postgres: port }));
    const kept = PortBook.open(join(folder, 'ports.json'));
    expect([book.stored('postgres'), kept.stored('postgres')]).toEqual([null, port]);
    const server = await startOnPorts(kept, ['postgres'], ({ postgres }) => startAt(postgres));
    started.push(server);
    expect(kept.stored('postgres')).not.toBe(port);
    expect(PortBook.open(join(folder, 'ports.json')).stored('postgres')).toBe(kept.stored('postgres'));
    other.close();
  });

  test('refuses to start when another server uses its port', async () => {
    const first = await start();
    const port = Number(new URL(first.ownerUrl).port);
    await expect(startAt(port, { name: 'second' })).rejects.toThrow(PortTakenError);
  });
});

describe.runIf(isRoot)('a PostgreSQL that root starts', () => {
  test('runs as the user "nobody" in a folder that only root can enter, with no other right of root', async () => {
    await chmod(folder, 0o700);
    const server = await start();
    const { stdout } = spawn('cat', [`/proc/${server.process.pid}/status`]);
    const status = (await stdout.toArray()).join('');
    expect(status).toMatch(/^Uid:\s+65534\s+65534\s+65534/m);
    expect(status).toMatch(/^CapEff:\s+0000000000000002$/m);
  });

  test('initializes its data with programs from a folder that only root can enter, as in a clone under /root', async () => {
    await chmod(folder, 0o700);
    const programs = join(folder, 'native', 'bin');
    const { initdb } = await embeddedBinaries();
    await cp(dirname(dirname(initdb)), dirname(programs), { recursive: true, verbatimSymlinks: true });
    const data = join(folder, 'data');
    const user = await postgresUser(join(programs, 'postgres'), data);
    await prepareCluster(join(programs, 'initdb'), data, user, { fsync: false });
    expect(await readdir(data)).toContain('PG_VERSION');
  });

  test('in an open folder runs as the user "nobody" without any right of root', async () => {
    await chmod(folder, 0o711);
    const server = await start();
    const { stdout } = spawn('cat', [`/proc/${server.process.pid}/status`]);
    expect((await stdout.toArray()).join('')).toMatch(/^CapEff:\s+0000000000000000$/m);
  });

  test('runs as the owner of its folder, even when root starts it on that folder', async () => {
    await chown(folder, 1000, 1000);
    expect(JSON.parse(await runScript(script, [folder], { uid: 1000 }))).toEqual({ uid: 1000 });
    expect(JSON.parse(await runScript(script, [folder]))).toEqual({ uid: 1000 });
    expect(JSON.parse(await runScript(script, [folder], { uid: 1000 }))).toEqual({ uid: 1000 });
  });

  test('takes over a data directory that root copied and owns, and runs on it', async () => {
    await (await start()).stop();
    await chownAll(join(folder, 'data'));
    const server = await start();
    expect(await sql(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await stat(join(folder, 'data'))).uid).toBe(65534);
  });
});

async function start({ fsync = false, name = 'data' } = {}): Promise<EmbeddedPostgres> {
  const server = await startOnPorts(PortBook.inMemory(), ['postgres'], ({ postgres }) =>
    startAt(postgres, { fsync, name }),
  );
  started.push(server);
  return server;
}

function startAt(port: number, { fsync = false, name = 'data' } = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir: join(folder, name), logFile: join(folder, 'log'), port, fsync });
}

async function sql(server: EmbeddedPostgres, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(server.ownerUrl);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function chownAll(path: string): Promise<void> {
  await chown(path, 0, 0);
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries) {
    const inner = join(path, entry.name);
    await (entry.isDirectory() ? chownAll(inner) : chown(inner, 0, 0));
  }
}
