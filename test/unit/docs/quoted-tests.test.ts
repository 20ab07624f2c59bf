import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

test.each(globSync('docs/*.md', { cwd: root }))('every test that %s quotes exists', (page) => {
  // As: _Test: "…"_, or _Tests: "…", "…"_; a line may break anywhere.
  const quotes = [...read(page).matchAll(/_Tests?:\s("[^_]+")_/g)].flatMap(([, list = '']) =>
    [...list.replaceAll(/\s+/g, ' ').matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  );
  const tests = globSync('test/**/*.test.ts', { cwd: root }).map(read).join('\n');
  expect(quotes.filter((title) => !tests.includes(`'${title}'`))).toEqual([]);
});

test('docs/from-hatchet.md stands by each of its claims with a test', () => {
  expect(read('docs/from-hatchet.md').match(/_Tests?:\s"/g)?.length).toBeGreaterThan(12);
});
