#!/usr/bin/env node
// `npx @pointsman/dev` runs PostgreSQL, Restate, a worker and the API on this machine until Ctrl-C. `npx
// @pointsman/dev demo` shows a tour.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [command = 'start'] = process.argv.slice(2);
const folder = { start: 'stack', demo: 'demo' }[command];
if (folder === undefined) {
  console.error(`error There is no command "${command}". The commands are start (the default) and demo.`);
  process.exitCode = 2;
} else {
  await import(
    ['main.ts', 'main.js'].map((name) => join(here, folder, name)).find((path) => existsSync(path))
  );
}
