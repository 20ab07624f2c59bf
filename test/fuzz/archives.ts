import { gzipSync } from 'node:zlib';

import { archiveOf, bombArchive } from '../support/data/archives.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { pick, times } from './random.ts';

type Archive = () => Promise<Uint8Array> | Uint8Array;

/** Archives that a publisher might send. Most of them are malformed or hostile. */
const ARCHIVES: Readonly<Record<string, Archive>> = {
  'of one file': () => archiveOf([{ name: 'a.json', content: '{}' }]),
  'that is empty': () => archiveOf([]),
  'that is not gzip': () => Buffer.from('not gzip at all'),
  'of gzip of something else': () => gzipSync(Buffer.from('not a tar')),
  'with paths that leave it': () =>
    archiveOf(
      ['../../etc/passwd', '/etc/passwd', 'a/../../b', 'a//b', './a', 'a\\b'].map((name) => ({ name })),
    ),
  'with links': () =>
    archiveOf([
      { name: 'a', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'b', type: 'link', linkname: 'a' },
      { name: 'c', type: 'fifo' },
    ]),
  'with one path twice': () => archiveOf(times(3, () => ({ name: 'a.json', content: '{}' }))),
  'with a folder where a file is': () => archiveOf([{ name: 'a' }, { name: 'a/b', content: '1' }]),
  'with a very long path': () => archiveOf([{ name: `${'d/'.repeat(400)}f`, content: '1' }]),
  'with many files': () => archiveOf(times(10_050, (n) => ({ name: `f${n}`, content: '' }))),
  'with names of Object.prototype': () =>
    archiveOf(['__proto__', 'constructor', 'toString/x'].map((name) => ({ name, content: '{}' }))),
  'that unpacks past every bound': () => bombArchive(),
  'that unpacks to 30 MiB': () => archiveOf([{ name: 'zeros', content: Buffer.alloc(7 * 1024 * 1024) }]),
};

/** These archives are sent less often, because unpacking one takes a thread a whole second. */
const RARE = new Set(['with many files', 'that unpacks past every bound', 'that unpacks to 30 MiB']);

const packed = new Map<string, Uint8Array>();

/**
 * A valid archive, which is published. Its content is one of 1,000, so two publishes in a row rarely have the same
 * content.
 */
export async function rightArchive(random: Random): Promise<{ kind: string; bytes: Uint8Array }> {
  const content = JSON.stringify({ n: Math.floor(random() * 1_000) });
  return { kind: 'that is right', bytes: await archiveOf([{ name: 'a.json', content }]) };
}

export async function hostileArchive(random: Random): Promise<{ kind: string; bytes: Uint8Array }> {
  const names = Object.keys(ARCHIVES).filter((name) => !RARE.has(name) || random() < 0.1);
  const kind = pick(random, names);
  const bytes = packed.get(kind) ?? (await ARCHIVES[kind]!());
  packed.set(kind, bytes);
  if (random() < 0.2)
    return { kind: `${kind}, cut`, bytes: bytes.subarray(0, Math.floor(random() * bytes.length)) };
  if (random() < 0.1) return { kind: `${kind}, twice`, bytes: Buffer.concat([bytes, bytes]) };
  return { kind, bytes };
}
