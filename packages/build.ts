import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

// `npm run build` compiles everything to JavaScript in `dist/`, with the same folder layout as this
// repository. `dist/` itself is the server to deploy, including its lock file. `dist/packages/*` are the npm
// packages. `npm run pack` also writes their tarballs to `dist/npm/`.

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Files that the program reads at run time. The compiler does not copy them, so the build does. */
const FILES = [
  'services/postgres/schema',
  'services/postgres/functions',
  'services/compiler/process/limited-bundler.sh',
  'packages/cli/pointsman.js',
  'packages/dev/pointsman-dev.js',
  'packages/protocol/schemas',
  'examples/support-bot',
  'restate.toml',
  'LICENSE',
  'package-lock.json',
];

const PACKAGES = ['protocol', 'client', 'cli', 'dev'];

/** The files of the server. The package `@pointsman/dev` includes them, because it starts the server. */
const SERVER = ['core', 'handlers', 'services', 'examples', 'restate.toml'];

/** The fields of a package.json that the build reads. It copies all other fields unchanged. */
interface Manifest {
  readonly [field: string]: unknown;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly publishConfig?: object;
}

/** The patterns of the files that a tarball may contain. */
const PACKED = ['**/*.js', '**/*.d.ts', '**/*.json', '**/*.sh', '**/*.sql', 'examples', 'restate.toml'];

function build(): void {
  rmSync(dist, { recursive: true, force: true });
  execFileSync(npm, ['exec', '--', 'tsc', '-p', join(root, 'packages/tsconfig.build.json')], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const path of FILES) cpSync(join(root, path), join(dist, path), { recursive: true });
  const { scripts: _, ...server } = manifestOf('.');
  writeManifest(dist, { ...server, scripts: SERVER_SCRIPTS });
  for (const name of PACKAGES) {
    const folder = join('packages', name);
    writeManifest(join(dist, folder), published(manifestOf(folder)));
    cpSync(join(root, 'LICENSE'), join(dist, folder, 'LICENSE'));
    cpSync(join(root, folder, 'README.md'), join(dist, folder, 'README.md'));
  }
}

/** The npm scripts that start the processes of the server in `dist/`. */
const SERVER_SCRIPTS = {
  migrate: 'node services/migrate/main.js',
  worker: 'node services/worker/main.js',
  api: 'node services/api/main.js',
};

/**
 * Returns the manifest to publish: `exports` refers to the compiled files and their types, and the fields of
 * `publishConfig` are applied. Each path starts with `folder`.
 */
function published(manifest: Manifest, folder = '.'): object {
  const { publishConfig = {}, exports, bin, ...rest } = manifest;
  const path = (file: string): string => `./${posix.join(folder, file)}`;
  const compiled = (file: string): object | string =>
    file.endsWith('.ts')
      ? { types: path(file.replace(/\.ts$/, '.d.ts')), default: path(file.replace(/\.ts$/, '.js')) }
      : path(file);
  return {
    ...rest,
    ...(bin && { bin: mapped(bin, path) }),
    ...(exports && { exports: mapped(exports, compiled) }),
    files: PACKED,
    ...publishConfig,
  };
}

function mapped<T>(entries: Readonly<Record<string, string>>, to: (file: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, to(file)]));
}

/** Packs the tarballs of the npm packages. `@pointsman/dev` also gets the server and its dependencies. */
function pack(): void {
  const out = join(dist, 'npm');
  rmSync(out, { recursive: true, force: true });
  const dev = join(out, 'dev');
  for (const path of [...SERVER, 'packages/dev', 'LICENSE'])
    cpSync(join(dist, path), join(dev, path), { recursive: true });
  cpSync(join(dist, 'packages/dev/README.md'), join(dev, 'README.md'));
  rmSync(join(dev, 'packages/dev/package.json'));
  const manifest = manifestOf('packages/dev');
  const dependencies = { ...manifestOf('.').dependencies, ...manifest.dependencies };
  writeManifest(dev, published({ ...manifest, dependencies }, 'packages/dev'));
  const others = PACKAGES.filter((name) => name !== 'dev').map((name) => join(dist, 'packages', name));
  for (const folder of [...others, dev])
    execFileSync(npm, ['pack', '--silent', '--pack-destination', out, folder], {
      cwd: out,
      stdio: 'inherit',
    });
  rmSync(dev, { recursive: true });
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

if (process.argv.includes('--pack')) pack();
else build();
