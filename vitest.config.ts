import { defineConfig } from 'vitest/config';

const second = 1_000;

/** One file at a time: each starts servers of its own, and two sets of them on two cores only wait for each other. */
const onServers = {
  pool: 'forks' as const,
  fileParallelism: false,
  setupFiles: ['test/support/end-on-sigterm.ts'],
  testTimeout: 300 * second,
  hookTimeout: 300 * second,
};

/**
 * Every test proves something once: none is tried again, and none may be left out by an `only` in CI. The timeouts are there to end
 * what hangs, far above what the slowest test takes on two busy cores.
 */
export default defineConfig({
  test: {
    allowOnly: process.env['CI'] === undefined,
    retry: 0,
    // A suite whose files are gone is a broken suite.
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30 * second },
      },
      {
        extends: true,
        test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...onServers },
      },
      {
        extends: true,
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...onServers },
      },
      {
        extends: true,
        test: { name: 'faults', include: ['test/faults/**/*.test.ts'], ...onServers },
      },
    ],
  },
});
