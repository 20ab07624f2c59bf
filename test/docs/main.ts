import { mkdir, writeFile } from 'node:fs/promises';

import { referenceFolder, referencePages } from './pages.ts';

/** `npm run docs`: writes the generated pages of docs/reference. */
await mkdir(referenceFolder, { recursive: true });
for (const { name, text } of await referencePages()) {
  await writeFile(`${referenceFolder}${name}`, text);
  console.log(`docs/reference/${name}`);
}
