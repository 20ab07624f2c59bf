import { defineConfig } from 'vitest/config';

import { LongestFirst } from './test/support/runs/longest-first.ts';

const second = 1_000;

/**
 * Node itself runs the tests, because it can run TypeScript. The files that one process runs one after the other share its modules, so each
 * module is loaded once per process, and the servers of `sharedControlPlane` are started once per process.
 */
const native = {
  experimental: { viteModuleRunner: false, nodeLoader: false },
  isolate: false,
} as const;

const onServers = {
  ...native,
  pool: 'forks' as const,
  globalSetup: ['test/support/runs/postgres-template.ts'],
  setupFiles: ['test/support/runs/end-on-sigterm.ts'],
  testTimeout: 300 * second,
  hookTimeout: 300 * second,
};

/** The number of files at a time whose tests wait for servers and deadlines. With two files, both processors are often idle. */
const WAITING = 5;

/** The number of files at a time whose tests compute, which is one more than two processors, because some of them wait. */
const COMPUTING = 3;

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
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          ...native,
          maxWorkers: COMPUTING,
          testTimeout: 30 * second,
        },
      },
      {
        extends: true,
        test: {
          name: 'store',
          include: ['test/{store,conformance}/**/*.test.ts'],
          ...onServers,
          maxWorkers: WAITING,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          ...onServers,
          maxWorkers: WAITING,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'packages',
          include: ['test/packages/*.test.ts'],
          ...onServers,
          maxWorkers: WAITING,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        // One at a time: what a nemesis strikes in the middle of is to be under way, and not to wait for a processor.
        test: {
          name: 'faults',
          include: ['test/faults/*.test.ts'],
          ...onServers,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        // Its deaths are of chosen moments, whatever else the processors do.
        test: {
          name: 'every-boundary',
          include: ['test/faults/every-boundary/*.test.ts'],
          ...onServers,
          maxWorkers: WAITING,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
