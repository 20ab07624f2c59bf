import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { FollowerOptions } from '../../../packages/client/follower/follower.ts';
import type { Files } from './published-files.ts';

/** A bundle as a following process reports it. */
export interface Served {
  readonly generation: number;
  /** The number of the release, as the bundle's file contains it. */
  readonly n: number;
  readonly isWhole: boolean;
}

export interface FollowingProcess {
  readonly served: readonly Served[];
  /** Resolves when the process has reported its first bundle, or has ended. */
  readonly begun: Promise<unknown>;
  kill(): Promise<void>;
}

/**
 * Creates files that each contain the number of the release, and one file with the digest of the others. The digest detects a mixture of
 * two releases.
 */
export function filesWithSum(n: number, count = 20): Files {
  const files = Object.fromEntries(
    Array.from({ length: count }, (_none, i) => [
      `f${String(i).padStart(3, '0')}.txt`,
      `${n} ${i} ${'x'.repeat(2_000)}`,
    ]),
  );
  const all = { 'a.json': `{"n":${n}}`, ...files };
  return { ...all, 'sum.txt': digestOf(Object.values(all).join('')) };
}

const script = fileURLToPath(new URL('../processes/following-process.ts', import.meta.url));

export function startFollowing(options: FollowerOptions): FollowingProcess {
  const served: Served[] = [];
  const child: ChildProcess = fork(script, [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.on('message', (said) => served.push(said as Served));
  const gone = once(child, 'exit');
  return {
    served,
    begun: Promise.race([once(child, 'message'), gone]),
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
