import { join } from 'node:path';

import { filesWithRestate } from './support/runs/replayed-files.ts';

const minute = 60_000;
const root = join(import.meta.dirname, '..');

/** A part of the tests: a whole Vitest project, or some of its files. */
export interface Part {
  readonly name: string;
  /** What the tests of this part cover. It is printed for the reader of the output. */
  readonly covers: string;
  /** How long the part usually takes on two idle cores, in seconds. */
  readonly usualSeconds: number;
  readonly project: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Paths relative to the root of the repository. Undefined if the part runs every file of the project. */
  readonly files?: readonly string[];
  /** A part that takes longer hangs and is ended. The limit is several times the usual duration. */
  readonly timeoutMs: number;
}

/**
 * With this setting, Restate suspends each handler after every step and replays it. The replay exposes code that is
 * not deterministic.
 */
const replaying = { POINTSMAN_TEST_REPLAY: '1' };

/** The integration tests that `npm test` runs with the replay setting. Together they run every handler. */
const REPLAYED_ALWAYS = [
  'releases/callbacks',
  'gates/gates',
  'hooks/hooks',
  'releases/release',
  'releases/remote-compile',
  'sinks/sinks',
].map((name) => `test/integration/${name}.test.ts`);

const BOUNDARIES = 'test/faults/every-boundary';

/** The parts of `npm test`, the fastest first. */
export const parts: readonly Part[] = [
  {
    name: 'unit',
    covers: 'decisions, parsers, texts, the rules of the source tree',
    usualSeconds: 110,
    project: 'unit',
    timeoutMs: 10 * minute,
  },
  {
    name: 'store',
    covers: 'the functions of the database, and the configurations of outside servers, on real servers',
    usualSeconds: 60,
    project: 'store',
    timeoutMs: 10 * minute,
  },
  {
    name: 'integration',
    covers: 'the API, the worker, the command line and the follower on real servers',
    usualSeconds: 1000,
    project: 'integration',
    timeoutMs: 40 * minute,
  },
  {
    name: 'packages',
    covers:
      'the npm packages from their tarballs, under Node 20, 22 and 24, and the production install of the server',
    usualSeconds: 60,
    project: 'packages',
    timeoutMs: 15 * minute,
  },
  {
    name: 'replay',
    covers: 'every handler once, replayed after each of its steps',
    usualSeconds: 90,
    project: 'integration',
    env: replaying,
    files: REPLAYED_ALWAYS,
    timeoutMs: 15 * minute,
  },
  {
    name: 'boundaries',
    covers: 'a publish whose worker is killed before and after each of its messages',
    usualSeconds: 110,
    project: 'every-boundary',
    files: [`${BOUNDARIES}/publish.test.ts`],
    timeoutMs: 15 * minute,
  },
];

/** The parts of `npm run test:deep`, which runs everything that `npm test` leaves out. */
export const deepParts: readonly Part[] = [
  {
    name: 'deep-replay',
    covers: 'every other integration test with a Restate, replayed after each step',
    usualSeconds: 260,
    project: 'integration',
    env: replaying,
    files: filesWithRestate(root).filter((file) => !REPLAYED_ALWAYS.includes(file)),
    timeoutMs: 60 * minute,
  },
  {
    name: 'fuzz',
    covers: '100,000 hostile requests by every role and without a token',
    usualSeconds: 1200,
    project: 'integration',
    env: { POINTSMAN_FUZZ_REQUESTS: '100000' },
    files: ['test/integration/http/fuzz.test.ts'],
    timeoutMs: 20 * minute,
  },
  {
    name: 'faults',
    covers: 'servers that die, hang and lose their disk under load',
    usualSeconds: 160,
    project: 'faults',
    timeoutMs: 30 * minute,
  },
  {
    name: 'every-boundary',
    covers: 'every other flow, with its worker killed before and after each message',
    usualSeconds: 500,
    project: 'every-boundary',
    files: ['line-and-rollback', 'outside', 'waiting'].map((name) => `${BOUNDARIES}/${name}.test.ts`),
    timeoutMs: 60 * minute,
  },
];
