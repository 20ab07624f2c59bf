import { serialize } from 'node:v8';

import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { sourceBodyLimits } from '../../../../services/api/limits.ts';
import type { SourceBody } from '../../../../services/api/releases/source-body.ts';
import type { SourceBodyTask } from '../../../../services/api/releases/source-body-thread.ts';
import {
  type ReadingThread,
  startReadingThread,
  threadFile,
} from '../../../../services/source-archive/reading-thread.ts';

const MODULE = new URL('../../../../services/api/releases/source-reader.ts', import.meta.url).href;

/** The heap limit of the test. The text of a body and one copy of its files fit in it, and a second copy does not. */
const HEAP_MIB = 128;

const MB = 1_000_000;

let reader: ReadingThread<SourceBodyTask, SourceBody>;

beforeAll(() => {
  const limits = { ...sourceBodyLimits, heapMiB: HEAP_MIB };
  reader = startReadingThread(threadFile('source-body-thread', MODULE), limits, pino({ level: 'silent' }));
});
afterAll(() => reader.close());

const read = (json: string): Promise<SourceBody> =>
  reader.read('acme', { format: 'json', bytes: new Uint8Array(Buffer.from(json)) });

test('the thread that reads sources reports the location of a mistake behind twenty million line breaks, and needs memory for the text only', async () => {
  expect(await read(`{"files":{},${'\n'.repeat(20 * MB)}x}`)).toMatchObject({
    kind: 'malformed',
    errors: [{ line: 20 * MB + 1, column: 1 }],
  });
});

const MIB = 1024 * 1024;

/** The base64 text of a file of the largest allowed size. */
const LARGEST = 'k'.repeat(Math.ceil((8 * MIB) / 3) * 4);

test.each([
  ['a duplicate key', `{"files":{"a":{"base64":"${LARGEST}"}},"message":"","message":""}`, '/message'],
  ['an integer that would lose digits', `{"files":{"a":{"base64":"${LARGEST}"}},"n":9007199254740993}`, '/n'],
  ['half a character at its end', `{"files":{"a":"${LARGEST}\\ud800"}}`, '/files/a'],
  ['an end that was cut off', `{"files":{"a":"${LARGEST}`, '/files/a'],
  ['a line that is not escaped', `{"files":{"a":"${LARGEST}\n"}}`, '/files/a'],
])(
  'a request body that contains the largest allowed file and %s is malformed, as a small body would be',
  async (_what, json, pointer) => {
    expect(await read(json)).toMatchObject({ kind: 'malformed', errors: [{ in: 'body', pointer, line: 1 }] });
  },
);

const KEY = 'k'.repeat(4.9 * MB);

/** Creates invalid file names. Each has the maximum length of a name in an error report. */
const wrongNames = (count: number): string =>
  Array.from({ length: count }, (_, index) => `"${'\u00e9€'.repeat(999)}//${index}":""`).join(',');

test.each([
  ['a long key over duplicate keys', `{"files":{},"${KEY}":{"a":1${',"a":1'.repeat(101)}}}`],
  ['a long key over halves of characters', `{"files":{},"${KEY}":[${Array(101).fill('"\\ud800"').join()}]}`],
  ['a long duplicate key', `{"files":{},"${KEY}":1,"${KEY}":1}`],
  ['a long key and a mistake behind it', `{"files":{},"${KEY}" 1}`],
  ['a long path with wrong content', `{"files":{"${KEY}":1}}`],
  ['long unknown fields', `{"files":{},${wrongNames(500)}}`],
  ['long duplicate keys', `{"files":{${wrongNames(300)},${wrongNames(300)}}}`],
  ['long paths that are wrong', `{"files":{${wrongNames(500)}}}`],
])(
  'the thread that reads sources reports the mistakes of a body with %s in less than 100 kB',
  async (_what, json) => {
    const body = await read(json);
    expect(['malformed', 'unacceptable', 'invalid']).toContain(body.kind);
    expect(serialize(body).byteLength).toBeLessThan(100_000);
  },
);
