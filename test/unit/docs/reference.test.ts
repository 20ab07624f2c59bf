import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { referenceFolder, referencePages } from '../../docs/pages.ts';

const pages = await referencePages();

test.each(pages)(
  'docs/reference/$name matches the code: "npm run docs" changes nothing',
  ({ name, text }) => {
    expect(readFileSync(`${referenceFolder}${name}`, 'utf8')).toBe(text);
  },
);
