import { describe, expect, test } from 'vitest';

import { artifactLimits, requestLimits } from '../../../packages/protocol/limits.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { answerTo, neededFor, withFacts } from '../../../services/compiler/process/answer-question.ts';
import { compileOutput } from '../../../services/compiler/made-blobs.ts';
import { receivedParts } from '../../../services/compiler/process/received-result.ts';
import type { PartOfResult } from '../../../services/compiler/process/received-result.ts';
import { messagesOf } from '../../../services/compiler/process/sent-result.ts';
import { compileHere, problemsOf, type Files } from './compile-here.ts';

const MiB = 1024 * 1024;
const recipe = 'apiVersion: pointsman/v1\n';

/** A source with overlays for that many channels, each of which makes a small change in every document. */
function overlaid(channels: number, documents: Files): Files {
  const all = Array.from({ length: channels }, (_, nth) => nth);
  const patches = (nth: number): string =>
    JSON.stringify(Object.fromEntries(Object.keys(documents).map((path) => [path, { b: nth }])));
  return {
    ...documents,
    'pointsman.yaml': `${recipe}documents: [{ include: ["d*.json"] }]\noverlays:\n${all
      .map((nth) => `  c${nth}: o${nth}.json\n`)
      .join('')}`,
    ...Object.fromEntries(all.map((nth) => [`o${nth}.json`, patches(nth)])),
  };
}

describe('in a small source with a large output,', () => {
  test('aliases of a long text are refused at the first alias over the limit', async () => {
    const bomb = `a: &a ${'x'.repeat(4 * MiB)}\nl:\n${'- *a\n'.repeat(120)}`;
    expect(await problemsOf({ 'd.yaml': bomb })).toEqual(['d.yaml:5:3 too_many_aliases /l/2']);
  });

  test('aliases of a map with long keys are refused at an alias', async () => {
    const bomb = `a: &a\n  ? ${'k'.repeat(1_000)}\n  : 1\nl:\n${'- *a\n'.repeat(9_000)}`;
    expect((await problemsOf({ 'd.yaml': bomb }))[0]).toContain('too_many_aliases /l/');
  });

  test('patches of a long document are refused at the first patch over the limit', async () => {
    const document = { 'd.json': JSON.stringify({ a: 'x'.repeat(7 * MiB) }) };
    expect(await problemsOf(overlaid(70, document))).toEqual(['o12.json:1:11 output_too_large /d.json']);
  });

  test('long lists of files in many channels are refused', async () => {
    const documents = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, nth) => [`d/${'n'.repeat(100)}${nth}.json`, String(nth)]),
    );
    const files = overlaid(80, { 'd.json': '{"a":1}' });
    const all = {
      ...files,
      ...documents,
      'pointsman.yaml': `${String(files['pointsman.yaml'])}assets: ["d/*"]\n`,
    };
    expect((await problemsOf(all))[0]).toContain('output_too_large');
  });

  test('an artifact that is too large for followers is refused at its largest file', async () => {
    const text = (nth: number, mebibytes: number) => JSON.stringify(`${nth}${'x'.repeat(mebibytes * MiB)}`);
    const files = Object.fromEntries(
      [7, 7, 7, 7, 7, 7, 7, 7, 7.5, 7].map((size, nth) => [`${nth}.json`, text(nth, size)]),
    );
    expect(await problemsOf(files)).toEqual(['8.json:1:1 output_too_large']);
  });

  test('patches are refused at the first one over the limit when there are too many', async () => {
    const documents = Object.fromEntries(Array.from({ length: 500 }, (_, nth) => [`d${nth}.json`, '{}']));
    const channels = artifactLimits.patchedDocuments / 500 + 1;
    expect(await problemsOf(overlaid(channels, documents))).toEqual([
      expect.stringMatching(/^o40\.json:1:2 too_many_patches \/d0\.json$/),
    ]);
  });
});

test('blobs from the cache count against the output limit of a compilation', () => {
  const output = compileOutput();
  const size = artifactLimits.madeBytes - 2;
  expect(output.addCached({ digest: 'sha256:a', size })).toBe(true);
  expect(output.addCached({ digest: 'sha256:a', size })).toBe(true);
  expect(output.blob('12', 'text/plain')).not.toBeNull();
  expect(output.isFull()).toBe(false);
  expect(output.blob('3', 'text/plain')).toBeNull();
  expect(output.isFull()).toBe(true);
});

test('content that one request of a compile process names seventy times is read and sent once', () => {
  const content = new TextEncoder().encode('content');
  const other = new TextEncoder().encode('other');
  const digests = [...Array.from({ length: 70 }, () => digestOf(content)), digestOf(other)];
  const keys = digests.map((_, nth) => (nth === 3 ? 'known' : null));
  const question = withFacts({ questionId: 1, keys, digests }, new Map([['known', 'facts']]));
  expect(neededFor(question)).toEqual([digestOf(content), digestOf(other)]);
  const contents = new Map([
    [digestOf(content), content],
    [digestOf(other), other],
  ]);
  const answer = answerTo(question, contents);
  expect(new TextDecoder().decode(answer.arena)).toBe('contentother');
  expect(answer.facts.filter((facts) => facts !== null)).toEqual(['facts']);
  expect(answer.contents).toEqual([0, 0, 0, -1, ...Array.from({ length: 66 }, () => 0), 1]);
});

function listsOf(blobs: number) {
  const all = Array.from({ length: blobs }, (_, nth) => `${nth}`);
  return { digests: all, mediaTypes: all, sizes: all.map(() => 0) };
}

describe('in the transfer of a compile result,', () => {
  const files: Files = {
    ...overlaid(3, { 'd1.json': JSON.stringify({ é: 'ü'.repeat(MiB) }), 'd2.json': '{"a":1}' }),
    'o2.json': '{}',
  };
  const declared = (sizes: readonly number[]): PartOfResult => ({
    kind: 'outcome',
    outcome: {
      kind: 'compiled',
      warnings: [],
      cacheEntries: [],
      made: {
        sizes,
        digests: sizes.map((_, nth) => `sha256:${nth}`),
        mediaTypes: sizes.map(() => 'text/plain'),
      },
    },
  });

  test('a result is sent in messages of at most one MiB, and is complete after the last one', async () => {
    const result = await compileHere(files);
    const messages = [...messagesOf(result)] as PartOfResult[][];
    const sizes = messages.map((parts) =>
      parts.reduce((sum, part) => sum + (part.kind === 'piece' ? part.bytes.byteLength : 0), 0),
    );
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(6);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(MiB);
    const received = receivedParts(artifactLimits.madeBytes);
    for (const part of messages.flat()) received.add(part);
    const arrived = received.result();
    expect({ ...arrived, made: [] }).toEqual({ ...result, made: [] });
    expect(arrived.made.size).toBe(result.made.length);
    for (const { digest, content } of arrived.made.values()) expect(digestOf(content)).toBe(digest);
  });

  test('the result of a small source is sent in one message', async () => {
    const small = [
      ...messagesOf(await compileHere({ 'agent.yaml': 'name: support', 'prompt.md': 'Be kind.' })),
    ];
    expect(small.map((parts) => parts.map(({ kind }) => kind))).toEqual([['outcome', 'artifact', 'piece']]);
  });

  test.each([
    ['too many bytes', [8, 8], 15],
    ['a size below zero', [16, -8], 15],
    ['a size that is not a number', [Number.NaN], 15],
  ])('a result that announces %s is refused before memory is allocated for it', (_what, sizes, bound) => {
    expect(() => receivedParts(bound).add(declared(sizes))).toThrow('the limit is 15');
  });

  const made = { digests: ['sha256:a', 'sha256:b'], mediaTypes: ['t', 't'], sizes: [1, 1] };
  const artifact = (channel: string | null, of: object = {}): unknown => ({
    kind: 'artifact',
    artifact: { channel, digest: 'sha256:m', list: { files: [], blobDigests: [] }, ...of },
  });
  const outcome = (of: object, madeOf: object = {}): unknown => ({
    kind: 'outcome',
    outcome: { kind: 'compiled', warnings: [], cacheEntries: [], made: { ...made, ...madeOf }, ...of },
  });
  const file = { path: 'p', digest: 'd', size: 1, mediaType: 't' };

  test.each<[what: string, parts: unknown[], reason: RegExp]>([
    ['repeats a digest', [outcome({}, { digests: ['sha256:a', 'sha256:a'] })], /contain a duplicate/],
    ['has more digests than sizes', [outcome({}, { sizes: [1] })], /differ in length/],
    ['has more sizes than digests', [outcome({}, { sizes: [1, 1, 1] })], /differ in length/],
    ['has more digests than media types', [outcome({}, { mediaTypes: [] })], /differ in length/],
    ['has no lists', [outcome({}, { digests: null })], /expected array/],
    ['has digests that are not texts', [outcome({}, { digests: [1, {}] })], /expected string/],
    ['has too many blobs', [outcome({}, listsOf(40_000))], /Too big/],
    ['has a second outcome', [outcome({}), outcome({})], /second outcome/],
    ['has no outcome', [{ kind: 'outcome', outcome: null }], /nvalid/],
    ['has an unknown outcome', [outcome({ kind: 'other' })], /nvalid/],
    [
      'has invalid diagnostics',
      [outcome({ kind: 'invalid', truncated: false, diagnostics: [null] })],
      /expected object/,
    ],
    [
      'has too large cache entries',
      [outcome({ cacheEntries: [{ key: 'k', facts: 'x'.repeat(9 * MiB), digest: 'd' }] })],
      /cache entries are too large/,
    ],
    ['has a piece that is not bytes', [outcome({}), { kind: 'piece', bytes: 'text' }], /Uint8Array/],
    [
      'has a piece with 16-bit numbers',
      [outcome({}), { kind: 'piece', bytes: new Uint16Array(3) }],
      /Uint8Array/,
    ],
    ['has a piece before the outcome', [{ kind: 'piece', bytes: new Uint8Array(1) }], /before the list/],
    ['has an invalid artifact', [{ kind: 'artifact', artifact: [] }], /expected object/],
    ['has an artifact without its list', [artifact('live', { list: null })], /no list of files/],
    ['has two artifacts of a channel', [artifact('live'), artifact('live')], /has two artifacts/],
    [
      'has more artifacts than a bundle has channels',
      Array.from({ length: 102 }, (_, nth) => artifact(`c${nth}`)),
      /more than 101 artifacts/,
    ],
    [
      'has an artifact with more files than a source',
      [artifact(null, { list: { files: Array.from({ length: 10_001 }, () => file), blobDigests: [] } })],
      /Too big/,
    ],
  ])('a result is refused when it %s', (_what, parts, reason) => {
    const received = receivedParts(100);
    expect(() => {
      for (const part of parts) received.add(part as PartOfResult);
    }).toThrow(reason);
  });

  test('a result is refused when it has more or fewer bytes than announced', () => {
    const received = receivedParts(100);
    received.add(declared([2, 0, 2]));
    received.add({ kind: 'piece', bytes: new Uint8Array(3) });
    expect(() => received.result()).toThrow('fewer bytes');
    expect(() => received.add({ kind: 'piece', bytes: new Uint8Array(2) })).toThrow('more bytes');
  });
});

test('a source with overlays for more channels than a bundle may have is refused at its list of overlays', async () => {
  const files = overlaid(requestLimits.channelsPerBundle + 1, { 'd.json': '{}' });
  expect(await problemsOf(files)).toEqual(['pointsman.yaml:4:3 invalid_field /overlays']);
});
