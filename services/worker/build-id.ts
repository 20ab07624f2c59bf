import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Names what the handlers do, as 12 hex digits over their source and that of the domain under them. Restate looks at a deployment's
 * URL once and never again, so each build has a URL of its own, under which its handlers are discovered; two
 * processes of one build share it. The path is not a fence: a worker serves whatever journal it is asked to go on with.
 */
export function buildId(): string {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const hash = createHash('sha256');
  for (const folder of ['core', 'handlers']) {
    for (const file of readdirSync(join(root, folder)).toSorted()) {
      if (!/\.[jt]s$/.test(file)) continue;
      hash
        .update(`${folder}/${file}\0`)
        .update(readFileSync(join(root, folder, file)))
        .update('\0');
    }
  }
  return hash.digest('hex').slice(0, 12);
}
