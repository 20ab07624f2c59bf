import { describe, expect, test } from 'vitest';
import { apiConfig, migrateConfig, stackConfig, workerConfig } from '../../services/config/config.ts';
import { appDatabaseUrl } from '../../services/config/database-urls.ts';
import { hashToken } from '../../services/config/settings.ts';
import { problemsOf } from '../support/data/config-problems.ts';

const api = {
  POINTSMAN_ADMIN_TOKEN: 'correct-horse-battery',
  DATABASE_URL: 'postgres://app:pw@db/pointsman',
  RESTATE_INGRESS_URL: 'http://restate:8080',
  RESTATE_ADMIN_URL: 'http://restate:9070',
};

describe('reading the environment', () => {
  test('gives a complete embedded stack on loopback when nothing is set', () => {
    expect(stackConfig({})).toEqual({
      host: '127.0.0.1',
      port: 7400,
      publicUrl: null,
      dataDir: '.pointsman',
      adminToken: null,
      secretKeys: null,
      database: null,
      restate: null,
      workerPort: null,
      workerUrl: null,
      identityKey: null,
      logLevel: 'info',
    });
  });

  test('ignores an empty value', () => {
    expect(stackConfig({ POINTSMAN_PORT: '', DATABASE_URL: '', POINTSMAN_ADMIN_TOKEN: '' })).toEqual(
      stackConfig({}),
    );
  });

  test('reports all problems together, including those that involve several settings', () => {
    const problems = problemsOf(() =>
      stackConfig({
        POINTSMAN_PORT: '70000',
        POINTSMAN_HOST: 'example.org',
        POINTSMAN_ADMIN_TOKEN: 'short',
        POINTSMAN_LOG_LEVEL: 'loud',
        POINTSMAN_OUTBOUND_ALLOW: '10.0.0.0/8, everything, 10.1.2.3/8',
        DATABASE_OWNER_URL: 'mysql://db',
        RESTATE_INGRESS_URL: 'http://restate.example:8080',
      }),
    );
    expect(problems).toEqual([
      'POINTSMAN_HOST must be an IP address',
      'POINTSMAN_PORT must be a port, 0 to 65535',
      'POINTSMAN_ADMIN_TOKEN must be 16 to 256 visible characters without spaces',
      'DATABASE_OWNER_URL must be a URL that begins with postgres:// or postgresql://',
      'POINTSMAN_OUTBOUND_ALLOW must be address ranges separated by commas, such as 10.0.0.0/8,fd00::/8, ' +
        'without bits after the prefix; invalid: number 2, 3',
      'POINTSMAN_LOG_LEVEL must be trace, debug, info, warn, error or fatal',
      'DATABASE_OWNER_URL is set, so DATABASE_URL must also be set',
      'RESTATE_INGRESS_URL and RESTATE_ADMIN_URL must both be set, or neither',
    ]);
  });

  test.each(['7400x', '-1', '1e3', '65536', ' 7400', '0x10', '99999999'])('refuses the port %j', (value) => {
    expect(problemsOf(() => stackConfig({ POINTSMAN_PORT: value }))).toHaveLength(1);
  });

  test('reports problems without repeating the invalid values', () => {
    const secret = 'zq7 secret';
    const names = [
      'HOST',
      'PORT',
      'ADMIN_TOKEN',
      'ADMIN_TOKEN_SHA256',
      'WORKER_PORT',
      'WORKER_URL',
      'WORKER_IDENTITY_KEY',
      'OUTBOUND_ALLOW',
      'PROXIES',
      'AMQP_UNROUTED',
      'AMQP_QUEUES',
      'REDIS_CACHE',
      'LOG_LEVEL',
    ];
    const env = Object.fromEntries([
      ...names.map((name) => [`POINTSMAN_${name}`, secret]),
      ...['DATABASE_URL', 'DATABASE_OWNER_URL'].map((name) => [name, `postgres://u:${secret}@:x/`]),
      ...['RESTATE_INGRESS_URL', 'RESTATE_ADMIN_URL', 'AMQP_URL'].map((name) => [
        name,
        `ftp://u:${secret}@h`,
      ]),
      ['REDIS_URL', `redis://u:${secret}@h/${secret}`],
    ]) as Record<string, string>;
    for (const read of [apiConfig, workerConfig, migrateConfig, stackConfig]) {
      const problems = problemsOf(() => read(env));
      expect(problems.length).toBeGreaterThan(1);
      expect(problems.join('\n')).not.toContain('zq7');
    }
  });

  test('accepts the admin token or its hash for the API, and requires exactly one of them', () => {
    const { POINTSMAN_ADMIN_TOKEN: token, ...rest } = api;
    const hash = hashToken(token);
    expect(apiConfig(api).adminTokenSha256).toBe(hash);
    expect(apiConfig({ ...rest, POINTSMAN_ADMIN_TOKEN_SHA256: hash }).adminTokenSha256).toBe(hash);
    const expected = ['exactly one of POINTSMAN_ADMIN_TOKEN and POINTSMAN_ADMIN_TOKEN_SHA256 must be set'];
    expect(problemsOf(() => apiConfig(rest))).toEqual(expected);
    expect(problemsOf(() => apiConfig({ ...api, POINTSMAN_ADMIN_TOKEN_SHA256: hash }))).toEqual(expected);
  });

  test('reports each missing setting of a process', () => {
    expect(problemsOf(() => workerConfig({}))).toEqual([
      'POINTSMAN_WORKER_PORT must be set',
      'POINTSMAN_WORKER_URL must be set',
      'DATABASE_URL must be set',
      'RESTATE_INGRESS_URL must be set',
      'RESTATE_ADMIN_URL must be set',
    ]);
  });

  test('requires the URL of the worker when Restate runs on another machine', () => {
    const remote = { RESTATE_INGRESS_URL: api.RESTATE_INGRESS_URL, RESTATE_ADMIN_URL: api.RESTATE_ADMIN_URL };
    expect(problemsOf(() => stackConfig(remote))).toHaveLength(1);
    expect(stackConfig({ ...remote, POINTSMAN_WORKER_URL: 'http://10.0.0.2:9080' }).restate).not.toBeNull();
    const local = { RESTATE_INGRESS_URL: 'http://127.0.0.1:8080', RESTATE_ADMIN_URL: 'http://[::1]:9070' };
    expect(stackConfig(local).workerUrl).toBeNull();
  });

  test('passes the identity key of an external Restate to the worker, and refuses it for an embedded Restate', () => {
    const key = { POINTSMAN_WORKER_IDENTITY_KEY: 'publickeyv1_2G8dCQhArfvGpzPw5Vx2ALciR4xCLHfS5YaT93XjNxX9' };
    const elsewhere = {
      RESTATE_INGRESS_URL: 'http://127.0.0.1:8080',
      RESTATE_ADMIN_URL: 'http://127.0.0.1:9070',
    };
    expect(stackConfig({ ...elsewhere, ...key }).identityKey).toBe(key.POINTSMAN_WORKER_IDENTITY_KEY);
    expect(problemsOf(() => stackConfig(key))).toHaveLength(1);
  });

  test('requires the public URL to be an origin, and uses the address of the API when no public URL is set', () => {
    const worker = {
      ...api,
      POINTSMAN_ADMIN_TOKEN: undefined,
      POINTSMAN_WORKER_PORT: '9080',
      POINTSMAN_WORKER_URL: 'http://127.0.0.1:9080',
    };
    const publicUrlOf = (more: Record<string, string>) => workerConfig({ ...worker, ...more }).publicUrl;
    expect(publicUrlOf({})).toBe('http://127.0.0.1:7400');
    expect(publicUrlOf({ POINTSMAN_PORT: '8000' })).toBe('http://127.0.0.1:8000');
    expect(publicUrlOf({ POINTSMAN_PUBLIC_URL: 'https://pointsman.example/at/' })).toBe(
      'https://pointsman.example/at',
    );
    for (const wrong of ['pointsman.example', 'ftp://x', 'https://u:p@x', 'https://x?y', 'https://x#y'])
      expect(problemsOf(() => publicUrlOf({ POINTSMAN_PUBLIC_URL: wrong }))).toHaveLength(1);
  });

  test('allows outgoing calls to no private address range by default', () => {
    const allowed = (value: string) =>
      apiConfig({ ...api, POINTSMAN_OUTBOUND_ALLOW: value }).outboundAllow.map(
        ({ first, prefixBits }) => `${first.toString()}/${prefixBits}`,
      );
    expect(allowed('')).toEqual([]);
    expect(allowed('10.0.0.0/8, fd00::/8,192.168.7.9/32')).toEqual([
      '10.0.0.0/8',
      'fd00::/8',
      '192.168.7.9/32',
    ]);
  });

  test('accepts a list of proxies, and leaves the default list to the API', () => {
    const proxies = (value: string) =>
      apiConfig({ ...api, POINTSMAN_PROXIES: value }).proxies?.map(({ first }) => first.toString());
    expect(proxies('')).toBeUndefined();
    expect(proxies('0.0.0.0/0,::/0')).toEqual(['0.0.0.0', '::']);
  });

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10/8',
    '010.0.0.0/8',
    '10.0.0.0/8,',
    '::1/129',
    'fe80::%eth0/10',
    'all',
  ])('refuses the address range %j', (value) => {
    expect(problemsOf(() => stackConfig({ POINTSMAN_OUTBOUND_ALLOW: value }))).toHaveLength(1);
    expect(problemsOf(() => stackConfig({ POINTSMAN_PROXIES: value }))).toHaveLength(1);
  });

  test.each([
    'publickeyv1_',
    '2G8dCQhArfvGpzPw5Vx2ALciR4xCLHfS5YaT93XjNxX9',
    `publickeyv1_${'0'.repeat(44)}`,
  ])('refuses the identity key %j', (value) => {
    const read = () => workerConfig({ POINTSMAN_WORKER_IDENTITY_KEY: value });
    expect(problemsOf(read).filter((problem) => problem.includes('IDENTITY_KEY'))).toHaveLength(1);
  });
});

describe('the two database roles', () => {
  const owner = 'postgres://owner:s3cret@db:5433/pointsman?sslmode=require';

  test('are derived from the DATABASE_URL of the owner role', () => {
    const { ownerUrl, appUrl } = migrateConfig({ DATABASE_URL: owner });
    expect(ownerUrl).toBe(owner);
    const app = new URL(appUrl);
    expect(app.username).toBe('pointsman_app');
    expect(app.host + app.pathname + app.search).toBe('db:5433/pointsman?sslmode=require');
    expect(app.password).toMatch(/^[\w-]{43}$/);
    expect(stackConfig({ DATABASE_URL: owner }).database).toEqual({ ownerUrl, appUrl });
  });

  test('have an app password that depends only on the password and the database of the owner', () => {
    const password = (url: string) => new URL(appDatabaseUrl(url) as string).password;
    expect(password(owner)).toBe(password(owner));
    expect(password(owner.replace('owner', 'root'))).toBe(password(owner));
    expect(password(owner.replace('s3cret', 's3cres'))).not.toBe(password(owner));
    expect(password(owner.replace('/pointsman', '/other'))).not.toBe(password(owner));
    expect(password('postgres://o:p%40ss@db/x')).toMatch(/^[\w-]{43}$/);
  });

  test('cannot be derived from an owner without a password', () => {
    expect(problemsOf(() => migrateConfig({ DATABASE_URL: 'postgres://owner@db/pointsman' }))).toHaveLength(
      1,
    );
  });

  test('can both be configured, and must differ', () => {
    const app = 'postgres://app:pw@db/pointsman';
    expect(migrateConfig({ DATABASE_URL: app, DATABASE_OWNER_URL: owner })).toEqual({
      ownerUrl: owner,
      appUrl: app,
    });
    expect(problemsOf(() => migrateConfig({ DATABASE_URL: owner, DATABASE_OWNER_URL: owner }))).toHaveLength(
      1,
    );
  });
});
