#!/usr/bin/env node
// The entry point of the installed command. It is plain JavaScript without new syntax, because it may run
// under an old version of Node.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, 'main.js');
// In the repository, there is only TypeScript, which Node can run since version 22.18.
const [main, needed] = existsSync(built) ? [built, [20, 18]] : [join(here, 'main.ts'), [22, 18]];

if (isNewEnough(process.versions.node)) await import(main);
else runWithProjectsNode();

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

function runWithProjectsNode() {
  const node = projectsNode();
  if (node === null) {
    console.error(`error Pointsman needs Node ${needed.join('.')} or newer, and this is ${process.version}.`);
    console.error('  Install a newer one. In a clone of the repository, npm ci brings one along.');
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl-C also reaches the child process, which is in the same process group. This process ignores it, so
  // that it does not end before the child.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`error ${node} can't be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

/**
 * Returns the path of the binary from the npm package `node`, a development dependency. Returns null if it is
 * not installed.
 */
function projectsNode() {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}
