import { cpus } from 'node:os';

import { startControlPlane } from '../support/worlds/control-plane.ts';
import { benchCompile } from './compile.ts';
import { benchDistribution } from './distribution.ts';
import { benchEndToEnd } from './end-to-end.ts';
import { benchLargeBundle } from './large-bundle.ts';
import type { BenchRow } from './measure.ts';
import { benchPublish, benchScale } from './publish.ts';
import { benchFairness, benchWaiting } from './waiting.ts';

function print(title: string, rows: readonly BenchRow[]): void {
  process.stdout.write(`\n${title}\n`);
  for (const { name, measured, floor, ratio, aim } of rows) {
    process.stdout.write(`  ${name}\n    measured  ${measured}\n`);
    if (floor) process.stdout.write(`    beside    ${floor}\n`);
    if (ratio !== undefined)
      process.stdout.write(`    ratio     ${ratio.toFixed(2)}${aim ? `  (aim: ${aim})` : ''}\n`);
  }
}

const parts = new Set(process.argv.slice(2));
const wants = (part: string): boolean => parts.size === 0 || parts.has(part);
process.stdout.write(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}\n`,
);
if (wants('compile'))
  print('Compile, beside bare parse + ajv + stringify of the same files', await benchCompile());
if (['publish', 'scale', 'waiting', 'fairness'].some(wants)) {
  const plane = await startControlPlane({ fsync: true, plainWorker: true });
  try {
    if (wants('publish'))
      print('Publish, beside a bare Restate publish of the same shape', await benchPublish(plane));
    if (wants('scale')) print('Scale, beside the small case', await benchScale(plane));
    if (wants('waiting')) print('Waiting, beside nobody who waits', await benchWaiting(plane));
    if (wants('fairness')) print('Fairness, beside a quiet neighbour', await benchFairness(plane));
  } finally {
    await plane.stop();
  }
}
if (wants('end-to-end'))
  print(
    'A publish through the HTTP API, compared with the same publish of an earlier commit',
    await benchEndToEnd(),
  );
if (wants('large'))
  print('A large bundle, compared with its compilation and with its first publish', await benchLargeBundle());
await benchDistribution(wants, print);
