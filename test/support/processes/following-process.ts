// A process that follows a pointer until it is killed. It reports each bundle that it serves, and whether the bundle is complete.
import { digestOf } from '../../../packages/protocol/digest.ts';
import type { Bundle } from '../../../packages/client/follower/cache/bundle.ts';
import { type FollowerOptions, openFollower } from '../../../packages/client/follower/follower.ts';

const follower = await openFollower(JSON.parse(process.argv[2] ?? '') as FollowerOptions);

function say({ generation, files, json }: Bundle): void {
  // The files of each release contain its number, and one file has the digest of the others. Every test that starts
  // this process must publish such files.
  const content = [...files]
    .filter(([path]) => path !== 'sum.txt')
    .map(([, file]) => Buffer.from(file.content));
  const isWhole = files.get('sum.txt') !== undefined && digestOf(Buffer.concat(content)) === sumOf(files);
  process.send?.({ generation, n: (json('a.json') as { n: number }).n, isWhole });
}

function sumOf(files: Bundle['files']): string {
  return Buffer.from(files.get('sum.txt')?.content ?? []).toString();
}

say(follower.current);
follower.onChange(say);
process.on('disconnect', () => void follower.close());
