import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { bundlerLimits } from '../limits.ts';

/** Settings of the operating system that a process may need, and that hold no secret. */
const KEPT = ['PATH', 'TMPDIR', 'TEMP', 'LANG', 'SystemRoot'];

/**
 * The environment of a compile process and of the bundler that it starts. Both handle what tenants wrote, so neither gets the database's
 * address, a key or a token.
 */
export function compileEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    KEPT.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  return { ...kept, ...bundlerEnvironment() };
}

/** Has the bundler start under its bounds where there is a shell to set them. */
function bundlerEnvironment(): NodeJS.ProcessEnv {
  const { heapMiB, dataMiB, cpuSeconds } = bundlerLimits;
  // Its garbage collector works harder near the bound, and it uses one processor, as the compilation does.
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
