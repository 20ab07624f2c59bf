import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { projectFolder, referencePages } from '../../docs/pages.ts';

const pages = await referencePages();

test.each(pages)('$path matches the code: "npm run docs" changes nothing', ({ path, text }) => {
  expect(readFileSync(`${projectFolder}${path}`, 'utf8')).toBe(text);
});
