import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { bundlerLimits } from '../limits.ts';

/** Environment variables that a process may need, and that contain no secret. */
const KEPT = ['PATH', 'TMPDIR', 'TEMP', 'LANG', 'SystemRoot'];

/**
 * The environment of a compile process and of its bundler. Both process untrusted files, so they get no database URL,
 * key or token.
 */
export function compileEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    KEPT.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  return { ...kept, ...bundlerEnvironment() };
}

/** Starts the bundler through a script that sets its limits, on platforms with a shell. */
function bundlerEnvironment(): NodeJS.ProcessEnv {
  const { heapMiB, dataMiB, cpuSeconds } = bundlerLimits;
  // GOMEMLIMIT makes its garbage collector run more often near the limit. GOMAXPROCS limits it to one CPU.
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
