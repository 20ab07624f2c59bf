import { describe, expect, test } from 'vitest';

import { artifactLimits, requestLimits } from '../../../packages/protocol/limits.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { answerTo, neededFor, recalled } from '../../../services/compiler/process/answer-question.ts';
import { making } from '../../../services/compiler/made-blobs.ts';
import { receivedParts, type PartOfResult } from '../../../services/compiler/process/received-result.ts';
import { messagesOf } from '../../../services/compiler/process/sent-result.ts';
import { compileHere, problemsOf, type Files } from './compile-here.ts';

const MiB = 1024 * 1024;
const recipe = 'apiVersion: pointsman/v1\n';

/** `channels` overlays, each of which changes the same documents a little. */
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

describe('a small source that would compile to much more', () => {
  test('by aliases of a long text is refused at the alias', async () => {
    const bomb = `a: &a ${'x'.repeat(4 * MiB)}\nl:\n${'- *a\n'.repeat(120)}`;
    expect(await problemsOf({ 'd.yaml': bomb })).toEqual(['d.yaml:5:3 too_many_aliases /l/2']);
  });

  test('by aliases of a map with long keys is refused at the alias', async () => {
    const bomb = `a: &a\n  ? ${'k'.repeat(1_000)}\n  : 1\nl:\n${'- *a\n'.repeat(9_000)}`;
    expect((await problemsOf({ 'd.yaml': bomb }))[0]).toContain('too_many_aliases /l/');
  });

  test('by patches of a long document is refused at the patch that does not fit', async () => {
    const document = { 'd.json': JSON.stringify({ a: 'x'.repeat(7 * MiB) }) };
    expect(await problemsOf(overlaid(70, document))).toEqual(['o12.json:1:11 output_too_large /d.json']);
  });

  test('by lists of thousands of files for each channel is refused at its largest file', async () => {
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

  test('to an artifact that followers would refuse is refused at its largest file', async () => {
    const text = (nth: number, mebibytes: number) => JSON.stringify(`${nth}${'x'.repeat(mebibytes * MiB)}`);
    const files = Object.fromEntries(
      [7, 7, 7, 7, 7, 7, 7, 7, 7.5, 7].map((size, nth) => [`${nth}.json`, text(nth, size)]),
    );
    expect(await problemsOf(files)).toEqual(['8.json:1:1 output_too_large']);
  });

  test('by more patches than may be made is refused at the first one too many', async () => {
    const documents = Object.fromEntries(Array.from({ length: 500 }, (_, nth) => [`d${nth}.json`, '{}']));
    const channels = artifactLimits.patchedDocuments / 500 + 1;
    expect(await problemsOf(overlaid(channels, documents))).toEqual([
      expect.stringMatching(/^o40\.json:1:2 too_many_patches \/d0\.json$/),
    ]);
  });
});

test('what is taken over from an earlier compilation counts as what is made', () => {
  const made = making();
  const size = artifactLimits.madeBytes - 2;
  expect(made.takeOver({ digest: 'sha256:a', size })).toBe(true);
  expect(made.takeOver({ digest: 'sha256:a', size })).toBe(true);
  expect(made.blob('12', 'text/plain')).not.toBeNull();
  expect(made.isFull()).toBe(false);
  expect(made.blob('3', 'text/plain')).toBeNull();
  expect(made.isFull()).toBe(true);
});

test('a content that a question names seventy times is needed and sent once', () => {
  const content = new TextEncoder().encode('content');
  const other = new TextEncoder().encode('other');
  const digests = [...Array.from({ length: 70 }, () => digestOf(content)), digestOf(other)];
  const keys = digests.map((_, nth) => (nth === 3 ? 'known' : null));
  const question = recalled({ questionId: 1, keys, digests }, (key) =>
    key === 'known' ? 'facts' : undefined,
  );
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

describe('a result on its way to the process that asked for it', () => {
  const files: Files = {
    ...overlaid(3, { 'd1.json': JSON.stringify({ é: 'ü'.repeat(MiB) }), 'd2.json': '{"a":1}' }),
    'o2.json': '{}',
  };
  const declared = (sizes: readonly number[]): PartOfResult => ({
    kind: 'outcome',
    outcome: {
      kind: 'compiled',
      warnings: [],
      memories: [],
      made: {
        sizes,
        digests: sizes.map((_, nth) => `sha256:${nth}`),
        mediaTypes: sizes.map(() => 'text/plain'),
      },
    },
  });

  test('is cut into messages of a mebibyte at most, and is whole when it has arrived', async () => {
    const result = await compileHere(files);
    const messages = [...messagesOf(result)] as PartOfResult[];
    const pieces = messages.filter((message) => message.kind === 'piece');
    expect(pieces.length).toBeGreaterThan(6);
    for (const { bytes } of pieces) expect(bytes.byteLength).toBeLessThanOrEqual(MiB);
    const received = receivedParts(artifactLimits.madeBytes);
    for (const message of messages) received.add(message);
    const arrived = received.result();
    expect({ ...arrived, made: [] }).toEqual({ ...result, made: [] });
    expect(arrived.made.size).toBe(result.made.length);
    for (const { digest, content } of arrived.made.values()) expect(digestOf(content)).toBe(digest);
  });

  test.each([
    ['more than it may have', [8, 8], 15],
    ['a size below zero', [16, -8], 15],
    ['a size that is not a number', [Number.NaN], 15],
  ])('is refused before memory is taken for it when it announces %s', (_what, sizes, bound) => {
    expect(() => receivedParts(bound).add(declared(sizes))).toThrow('may make 15');
  });

  const made = { digests: ['sha256:a', 'sha256:b'], mediaTypes: ['t', 't'], sizes: [1, 1] };
  const artifact = (channel: string | null, of: object = {}): unknown => ({
    kind: 'artifact',
    artifact: { channel, digest: 'sha256:m', list: { files: [], blobDigests: [] }, ...of },
  });
  const outcome = (of: object, madeOf: object = {}): unknown => ({
    kind: 'outcome',
    outcome: { kind: 'compiled', warnings: [], memories: [], made: { ...made, ...madeOf }, ...of },
  });
  const file = { path: 'p', digest: 'd', size: 1, mediaType: 't' };

  test.each<[what: string, parts: unknown[], reason: RegExp]>([
    ['repeats a digest', [outcome({}, { digests: ['sha256:a', 'sha256:a'] })], /lists of one length/],
    ['has more digests than sizes', [outcome({}, { sizes: [1] })], /lists of one length/],
    ['has more sizes than digests', [outcome({}, { sizes: [1, 1, 1] })], /lists of one length/],
    ['has more digests than media types', [outcome({}, { mediaTypes: [] })], /lists of one length/],
    ['has no lists', [outcome({}, { digests: null })], /expected array/],
    ['has digests that are not texts', [outcome({}, { digests: [1, {}] })], /expected string/],
    ['makes more blobs than there can be', [outcome({}, listsOf(40_000))], /Too big/],
    ['has a second outcome', [outcome({}), outcome({})], /second outcome/],
    ['has no outcome', [{ kind: 'outcome', outcome: null }], /nvalid/],
    ['has an unknown outcome', [outcome({ kind: 'other' })], /nvalid/],
    [
      'has diagnostics of another form',
      [outcome({ kind: 'invalid', truncated: false, diagnostics: [null] })],
      /expected object/,
    ],
    [
      'has more to remember than may be',
      [outcome({ memories: [{ key: 'k', facts: 'x'.repeat(9 * MiB), digest: 'd' }] })],
      /more is to be remembered/,
    ],
    ['has a piece that is not bytes', [outcome({}), { kind: 'piece', bytes: 'text' }], /Uint8Array/],
    [
      'has a piece of wider numbers',
      [outcome({}), { kind: 'piece', bytes: new Uint16Array(3) }],
      /Uint8Array/,
    ],
    ['has a piece before the outcome', [{ kind: 'piece', bytes: new Uint8Array(1) }], /before the list/],
    ['has an artifact of another form', [{ kind: 'artifact', artifact: [] }], /expected object/],
    ['has an artifact without its list', [artifact('live', { list: null })], /without its list/],
    ['has two artifacts of a channel', [artifact('live'), artifact('live')], /came twice/],
    [
      'has more artifacts than a bundle has channels',
      Array.from({ length: 102 }, (_, nth) => artifact(`c${nth}`)),
      /more than 101 artifacts/,
    ],
    [
      'has an artifact of more files than a source',
      [artifact(null, { list: { files: Array.from({ length: 10_001 }, () => file), blobDigests: [] } })],
      /Too big/,
    ],
  ])('is refused when it %s', (_what, parts, reason) => {
    const received = receivedParts(100);
    expect(() => {
      for (const part of parts) received.add(part as PartOfResult);
    }).toThrow(reason);
  });

  test('is refused when it has more or fewer bytes than it announced', () => {
    const received = receivedParts(100);
    received.add(declared([2, 0, 2]));
    received.add({ kind: 'piece', bytes: new Uint8Array(3) });
    expect(() => received.result()).toThrow('fewer bytes');
    expect(() => received.add({ kind: 'piece', bytes: new Uint8Array(2) })).toThrow('more bytes');
  });
});

test('a source with an overlay for more channels than a bundle may have is refused at its overlays', async () => {
  const files = overlaid(requestLimits.channelsPerBundle + 1, { 'd.json': '{}' });
  expect(await problemsOf(files)).toEqual(['pointsman.yaml:4:3 invalid_field /overlays']);
});
