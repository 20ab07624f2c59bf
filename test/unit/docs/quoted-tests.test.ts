import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

test.each(globSync('docs/**/*.md', { cwd: root }))('every test title that %s quotes exists', (page) => {
  // Pages quote tests as _Test: "…"_ or _Tests: "…", "…"_. A line break may be anywhere in a quote.
  const quotes = [...read(page).matchAll(/_Tests?:\s("[^_]+")_/g)].flatMap(([, list = '']) =>
    [...list.replaceAll(/\s+/g, ' ').matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  );
  const tests = globSync('test/{unit,store,conformance,integration,packages,faults}/**/*.ts', { cwd: root })
    .map(read)
    .join('\n');
  expect(quotes.filter((title) => !tests.includes(`'${title}'`))).toEqual([]);
});

test('docs/explanation/security.md names the file of every test that it quotes', () => {
  const page = read('docs/explanation/security.md');
  const named = [...page.matchAll(/`([\w/-]+\.test\.ts)`:\s_Tests?:\s("[^_]+")_/g)];
  expect(named.length).toBe([...page.matchAll(/_Tests?:\s/g)].length);
  const elsewhere = named.flatMap(([, file = '', list = '']) => {
    const tests = read(`test/${file}`);
    return [...list.replaceAll(/\s+/g, ' ').matchAll(/"([^"]+)"/g)]
      .filter(([, title = '']) => !tests.includes(`'${title}'`))
      .map(([, title = '']) => `${file}: ${title}`);
  });
  expect(elsewhere).toEqual([]);
});

/** Sections that make no claim, so they need no test: they only map terms or name a place. */
const NO_CLAIMS = ['In short', 'The worker'];

test('each section and each list item of docs/guides/from-hatchet.md quotes a test', () => {
  const [, ...sections] = read('docs/guides/from-hatchet.md').split(/^## /m);
  const claims = sections
    .filter((section) => !NO_CLAIMS.some((title) => section.startsWith(`${title}\n`)))
    .flatMap((section) => [section, ...section.split(/^(?=- |\*\*)/m).slice(1)]);
  expect(claims.length).toBeGreaterThan(15);
  expect(claims.filter((claim) => !/_Tests?:\s"/.test(claim))).toEqual([]);
});
