import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { atExit } from './at-exit.ts';

/** Creates a temporary folder. It is removed by `remove`, or else when the test process ends. */
export async function testFolder(prefix: string): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const cancel = atExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true });
    cancel();
  };
  return { folder, remove };
}
