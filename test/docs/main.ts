import { writeFile } from 'node:fs/promises';

import { projectFolder, referencePages } from './pages.ts';

/** `npm run docs` writes the generated pages and schemas. */
for (const { path, text } of await referencePages()) {
  await writeFile(`${projectFolder}${path}`, text);
  console.log(path);
}
