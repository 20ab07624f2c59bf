import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESTATE_TOML, restateBinary } from '../../packages/dev/restate/embedded.ts';

// Restate ignores an unknown key in its configuration file without an error. Only the configuration that it prints
// proves that it has applied a setting.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-toml-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('Restate applies every setting of restate.toml with the value in the file', () => {
  const text = readFileSync(RESTATE_TOML, 'utf8');
  expect(Object.keys(flatten(parse(text))).length).toBeGreaterThan(20);
  expect(ignoredBy(text)).toEqual([]);
});

test.each([
  ['a misspelt key', '[worker.invoker]\nmemory-limt = "192.0 MiB"\n', ['worker.invoker.memory-limt']],
  [
    'a section that the server no longer has',
    '[invocation.default-retry-policy]\nmax-attempts = 3\n',
    ['invocation'],
  ],
  ['a section of the printed documentation', '[common]\ndisable-telemetry = true\n', ['common']],
  [
    'a value that the server changes',
    '[ingress]\nrequest-size-limit = "128.0 MiB"\n',
    ['ingress.request-size-limit'],
  ],
])('the check of restate.toml detects %s', (_case, text, expected) => {
  const ignored = ignoredBy(text);
  expect(ignored).toHaveLength(expected.length);
  expect(ignored[0]).toContain(expected[0]);
});

test('restate.toml omits the settings that differ between "npm start" and "docker compose"', () => {
  const keys = Object.keys(flatten(parse(readFileSync(RESTATE_TOML, 'utf8'))));
  expect(keys.filter((key) => /port|address|base-dir|node-name|listen|host/.test(key))).toEqual([]);
});

function ignoredBy(text: string): string[] {
  const file = join(folder, 'restate.toml');
  writeFileSync(file, text);
  const env = { PATH: process.env.PATH ?? '' };
  const dump = execFileSync(restateBinary(), ['--config-file', file, '--dump-config'], {
    env,
    encoding: 'utf8',
  });
  const taken = flatten(parse(dump));
  return Object.entries(flatten(parse(text)))
    .filter(([key, value]) => taken[key] !== value)
    .map(([key, value]) => `${key}: ${value} became ${taken[key]}`);
}

function flatten(value: unknown, path = ''): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { [path]: JSON.stringify(value) };
  const entries = Object.entries(value).map(([key, inner]) =>
    flatten(inner, path === '' ? key : `${path}.${key}`),
  );
  return Object.assign({}, ...entries) as Record<string, string>;
}
