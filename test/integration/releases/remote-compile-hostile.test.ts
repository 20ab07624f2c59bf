import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { manifestLimits } from '../../../packages/protocol/limits.ts';
import { mediaTypes } from '../../../packages/protocol/artifacts/oci.ts';
import { manifestsIn, startManifestReader } from '../../../services/worker/pipeline/manifest-reader.ts';
import {
  type AskedWorld,
  type Built,
  compiled,
  compileFor,
  givePolicy,
  startAskedWorld,
  tell,
  upload,
} from '../../support/worlds/asked-world.ts';
import { accepted, newTenant, settled } from '../../support/worlds/control-plane.ts';
import { contradictions } from '../../support/runs/record-check.ts';

let world: AskedWorld;

beforeAll(async () => {
  world = await startAskedWorld();
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => world.stop());

function manifestOf(layers: string): string {
  const config = '{"mediaType":"a/b","digest":"","size":0}';
  return `{"schemaVersion":2,"mediaType":"${mediaTypes.manifest}","config":${config},"layers":[${layers}]}`;
}

/** Repeats a layer until the manifest has almost the maximum size. */
function many(layer: string, bytes: number = manifestLimits.bytes - 1_000): string {
  return Array.from({ length: Math.floor(bytes / (layer.length + 1)) }, () => layer).join(',');
}

const HOSTILE: [what: string, text: string][] = [
  ['invalid layers', manifestOf(many('{"mediaType":"a/b","size":-1}'))],
  ['layers that are zeros', manifestOf(many('0'))],
  [
    'as many layers as are allowed, each with a long annotation, the last one wrong',
    manifestOf(
      `${many(
        `{"mediaType":"a/b","digest":"${digestOf('x')}","size":1,"annotations":{"org.opencontainers.image.title":"${'x'.repeat(190)}"}}`,
        manifestLimits.layers * 300,
      )},0`,
    ),
  ],
  ['a text of four megabytes', manifestOf(`"${'x'.repeat(manifestLimits.bytes - 1_000)}"`)],
];

test.each(HOSTILE)(
  'a manifest of %s is read within the limits of its thread on memory and time, and is reported as one short problem',
  async (_what, text) => {
    const thread = startManifestReader(pino({ level: 'silent' }));
    try {
      const read = await manifestsIn(thread)('acme', new Uint8Array(Buffer.from(text)));
      expect(read).toMatchObject({ kind: 'problem', problem: expect.stringMatching(/^it (?:is|has) /) });
      expect(JSON.stringify(read).length).toBeLessThan(1_000);
    } finally {
      await thread.close();
    }
  },
);

test('a manifest with invalid layers is refused and can be corrected, and does not hold up publishes of another tenant', async () => {
  const [hostile, neighbour] = [await newTenant(world.plane), await newTenant(world.plane)];
  await givePolicy(world.plane, hostile, { compile: { executor: 'http', url: world.address('/hostile') } });
  const version = await accepted(world.plane, hostile, { files: { 'a.txt': 'a text' } });
  const [job] = await world.jobs('/hostile', 1);
  const text = HOSTILE[0]![1];
  const bad: Built = { digest: digestOf(text), blobs: [] };
  expect(await upload(job!, { digest: bad.digest, mediaType: mediaTypes.manifest, text })).toBe(201);

  const publish = async (n: number): Promise<number> => {
    const startedAt = performance.now();
    const made = await accepted(world.plane, neighbour, { files: { 'a.json': `{"n":${n}}` } });
    expect((await settled(world.plane, neighbour, made)).outcome).toBe('published');
    return performance.now() - startedAt;
  };
  await publish(0);
  const quiet = Math.max(await publish(1), await publish(2), await publish(3));
  const over = new AbortController();
  const answers = (async () => {
    while (!over.signal.aborted)
      expect(await tell(job!.callback.url, compiled(bad))).toMatchObject({
        status: 422,
        json: {
          code: 'incomplete_artifact',
          problems: [expect.stringContaining('it is too large: a document may have')],
        },
      });
  })();
  const busy = Math.min(await publish(4), await publish(5), await publish(6));
  over.abort();
  await answers;
  expect(busy).toBeLessThan(10 * quiet);

  expect(await compileFor(job!)).toMatchObject({ status: 200 });
  expect((await settled(world.plane, hostile, version)).outcome).toBe('published');
});
