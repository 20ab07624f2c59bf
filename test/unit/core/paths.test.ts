import { expect, test } from 'vitest';

import { pathOf, paths } from '@pointsman/protocol/paths';

test('an API path is its template with the parameters filled in', () => {
  const id = { tenant: 'acme', bundle: 'support-bot', version: 12 };
  expect(pathOf(paths.cancel, id)).toBe('/v1/tenants/acme/bundles/support-bot/releases/12/cancel');
});

test('a path parameter is percent-encoded and stays one segment', () => {
  expect(pathOf(paths.token, { id: '../a?b#c/ü' })).toBe('/v1/tokens/..%2Fa%3Fb%23c%2F%C3%BC');
});

test('the colon of a digest in a path is not percent-encoded', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  expect(pathOf(paths.blob, { tenant: 'acme', digest })).toBe(`/v1/tenants/acme/blobs/${digest}`);
});

test('a file path inside an API path keeps its slashes, and is percent-encoded between them', () => {
  const id = { tenant: 'acme', bundle: 'bot', channel: 'live', path: 'prompts/a b?.txt' };
  expect(pathOf(paths.file, id)).toBe(
    '/v1/tenants/acme/bundles/bot/channels/live/files/prompts/a%20b%3F.txt',
  );
});

test('a path parameter that contains a dollar sign or a brace is not read as a template', () => {
  expect(pathOf(paths.hook, { tenant: '{hook}', hook: '$&' })).toBe('/v1/tenants/%7Bhook%7D/hooks/%24%26');
});

test('a missing path parameter is an error', () => {
  const unknown: string = paths.token;
  expect(() => pathOf(unknown, {})).toThrow('The path /v1/tokens/{id} needs a value for id');
});
