import { defineConfig } from 'vitest/config';

const second = 1_000;

/**
 * Two files at a time, each with its own servers. With four at a time the integration tests took 871 s instead of about 1,000 s on two cores: most of
 * the time goes into starting servers and processes, and waits that overlap save little.
 */
const onServers = {
  pool: 'forks' as const,
  maxWorkers: 2,
  globalSetup: ['test/support/runs/postgres-template.ts'],
  setupFiles: ['test/support/runs/end-on-sigterm.ts'],
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
        test: { name: 'store', include: ['test/{store,conformance}/**/*.test.ts'], ...onServers },
      },
      {
        extends: true,
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...onServers },
      },
      {
        extends: true,
        test: { name: 'packages', include: ['test/packages/*.test.ts'], ...onServers },
      },
      {
        extends: true,
        // One at a time: what a nemesis strikes in the middle of is to be under way, and not to wait for a processor.
        test: {
          name: 'faults',
          include: ['test/faults/*.test.ts'],
          ...onServers,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        // Its deaths are of chosen moments, whatever else the processors do.
        test: {
          name: 'every-boundary',
          include: ['test/faults/every-boundary/*.test.ts'],
          ...onServers,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
