import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { bundlerLimits } from '../limits.ts';

/** The environment variables that are passed on to compile processes. They contain no secrets. */
const KEPT = ['PATH', 'TMPDIR', 'TEMP', 'LANG', 'SystemRoot', 'NODE_COMPILE_CACHE'];

/**
 * Returns the environment of a compile process and its bundler. Both process untrusted files, so their environment
 * contains no database URL, key or token.
 */
export function compileEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    KEPT.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  return { ...kept, ...bundlerEnvironment() };
}

/**
 * Returns the variables that limit the bundler. On platforms with a shell, esbuild starts the bundler through a
 * script that sets its memory and CPU limits.
 */
function bundlerEnvironment(): NodeJS.ProcessEnv {
  const { heapMiB, dataMiB, cpuSeconds } = bundlerLimits;
  // The bundler is a Go program. GOMEMLIMIT is a soft limit, near which the garbage collector runs more often.
  // GOMAXPROCS limits the program to one CPU.
  const runtime = { GOMAXPROCS: '1', GOMEMLIMIT: `${heapMiB}MiB` };
  const launcher = fileURLToPath(new URL('limited-bundler.sh', import.meta.url));
  const bundler = bundlerPath();
  if (bundler === null || process.platform === 'win32' || !isExecutable(launcher)) return runtime;
  return {
    ...runtime,
    ESBUILD_BINARY_PATH: launcher,
    POINTSMAN_BUNDLER: bundler,
    POINTSMAN_BUNDLER_KIB: String(dataMiB * 1_024),
    POINTSMAN_BUNDLER_SECONDS: String(cpuSeconds),
  };
}

function bundlerPath(): string | null {
  const { resolve } = createRequire(import.meta.url);
  try {
    const fromBundler = createRequire(resolve('esbuild'));
    return fromBundler.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
  } catch {
    return null;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
