import { afterAll, beforeAll, expect, test } from 'vitest';

import { sourceBodyLimits } from '../../../services/api/limits.ts';
import type { SourceBody } from '../../../services/api/source-body.ts';
import type { SourceBodyTask } from '../../../services/api/source-body-thread.ts';
import {
  type ReadingThread,
  startReadingThread,
  threadFile,
} from '../../../services/source-archive/reading-thread.ts';

const MODULE = new URL('../../../services/api/source-reader.ts', import.meta.url).href;

/** Enough for the text of a test's bodies and what its own files become, and for nothing that multiplies them. */
const HEAP_MIB = 128;

const MB = 1_000_000;

let reader: ReadingThread<SourceBodyTask, SourceBody>;

beforeAll(() => {
  reader = startReadingThread(threadFile('source-body-thread', MODULE), {
    ...sourceBodyLimits,
    heapMiB: HEAP_MIB,
  });
});
afterAll(() => reader.close());

const read = (json: string): Promise<SourceBody> =>
  reader.read('acme', { format: 'json', bytes: new Uint8Array(Buffer.from(json)) });

test('the place of a problem behind twenty million line breaks is told, by a thread that has room for the text alone', async () => {
  expect(await read(`{"files":{},${'\n'.repeat(20 * MB)}x}`)).toMatchObject({
    kind: 'malformed',
    errors: [{ line: 20 * MB + 1, column: 1 }],
  });
});
