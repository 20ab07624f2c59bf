import { type Bundle, bundleAt, bundleContent } from '../../packages/client/follower/cache/bundle.ts';
import { type BenchRow, Series } from './measure.ts';

const READS = 5_000_000;
const ROUNDS = 20;

/**
 * Measures the time of one read of the live bundle: `follower.current.json('x')`. For comparison, it reads the same
 * value from a property of a plain object. The loop does nothing else, so both get the engine's best case.
 */
export async function benchFollowerRead(): Promise<BenchRow[]> {
  const content = Buffer.from('{"greeting":"hello"}');
  const file = { content, mediaType: 'application/json' };
  const files = new Map(Array.from({ length: 200 }, (_none, n) => [`agents/${n}.json`, file]));
  const bundle = bundleAt({ generation: 1, version: 1 }, bundleContent('sha256:x', files.set('x', file)));
  const follower: { current: Bundle } = { current: bundle };
  const plain: { current: unknown } = { current: JSON.parse(content.toString()) };
  const ours = new Series();
  const floor = new Series();
  for (let round = 0; round < ROUNDS; round++) {
    floor.add(nanoseconds(() => plain.current));
    ours.add(nanoseconds(() => follower.current.json('x')));
  }
  const [measured, beside] = [ours.percentile(50), floor.percentile(50)];
  return [
    {
      name: "a file of the live bundle, parsed: follower.current.json('x')",
      measured: `${measured.toFixed(1)} ns`,
      floor: `${beside.toFixed(1)} ns: a property of a plain object`,
      ratio: measured / beside,
    },
  ];
}

/** The average time of one read, in nanoseconds. */
function nanoseconds(read: () => unknown): number {
  let found = 0;
  const began = performance.now();
  for (let n = 0; n < READS; n++) if (read() !== undefined) found++;
  const tookMs = performance.now() - began;
  if (found !== READS) throw new Error('it was not read');
  return (tookMs * 1_000_000) / READS;
}
