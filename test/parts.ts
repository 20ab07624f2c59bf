import { join } from 'node:path';

import { filesWithRestate } from './support/runs/replayed-files.ts';

const minute = 60_000;
const root = join(import.meta.dirname, '..');

/** A part of the tests: files of a Vitest project. */
export interface Part {
  readonly name: string;
  /** What the tests of this part cover. It is printed for the reader of the output. */
  readonly covers: string;
  readonly project: string;
  /** Paths of files and folders, relative to the root of the repository. */
  readonly files: readonly string[];
}

/** Parts that run at the same time. Most tests wait for a server most of the time, and other tests then use the processors. */
export interface Run {
  readonly parts: readonly Part[];
  /** How long the run usually takes on two idle cores, in seconds. */
  readonly usualSeconds: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A run that takes longer hangs and is ended. The limit is several times the usual duration. */
  readonly timeoutMs: number;
}

/**
 * With this setting, Restate suspends each handler after every step and replays it. The replay exposes code that is
 * not deterministic.
 */
const replaying = { POINTSMAN_TEST_REPLAY: '1' };

const BOUNDARIES = 'test/faults/every-boundary';

/** The runs of `npm test`, the fastest first. */
export const runs: readonly Run[] = [
  {
    usualSeconds: 40,
    timeoutMs: 10 * minute,
    parts: [
      {
        name: 'unit',
        covers: 'decisions, parsers, texts, the rules of the source tree',
        project: 'unit',
        files: ['test/unit'],
      },
    ],
  },
  {
    usualSeconds: 550,
    timeoutMs: 40 * minute,
    parts: [
      {
        name: 'store',
        covers: 'the functions of the database, and the configurations of outside servers, on real servers',
        project: 'store',
        files: ['test/store', 'test/conformance'],
      },
      {
        name: 'integration',
        covers: 'the API, the worker, the command line and the follower on real servers',
        project: 'integration',
        files: ['test/integration'],
      },
      {
        name: 'packages',
        covers:
          'the npm packages from their tarballs, under Node 20, 22 and 24, and the production install of the server',
        project: 'packages',
        files: ['test/packages'],
      },
      {
        name: 'boundaries',
        covers: 'a publish whose worker is killed before each of its messages',
        project: 'every-boundary',
        files: [`${BOUNDARIES}/publish.test.ts`],
      },
    ],
  },
];

/** The runs of `npm run test:deep`: all that `npm test` leaves out. */
export const deepRuns: readonly Run[] = [
  {
    usualSeconds: 300,
    env: replaying,
    timeoutMs: 60 * minute,
    parts: [
      {
        name: 'replay',
        covers: 'every integration test with a Restate, whose handlers Restate replays after each step',
        project: 'integration',
        files: filesWithRestate(root),
      },
    ],
  },
  {
    usualSeconds: 1200,
    env: { POINTSMAN_FUZZ_REQUESTS: '100000' },
    timeoutMs: 20 * minute,
    parts: [
      {
        name: 'fuzz',
        covers: '100,000 hostile requests by every role and without a token',
        project: 'integration',
        files: ['test/integration/http/fuzz.test.ts'],
      },
    ],
  },
  {
    usualSeconds: 260,
    env: { POINTSMAN_TEST_DEEP: '1' },
    timeoutMs: 15 * minute,
    parts: [
      {
        name: 'matrices',
        covers: 'every combination of a matrix, of which `npm test` tries some',
        project: 'integration',
        files: ['releases/celery-misbehaves', 'sinks/sinks-broker-freeze'].map(
          (name) => `test/integration/${name}.test.ts`,
        ),
      },
    ],
  },
  {
    usualSeconds: 220,
    timeoutMs: 30 * minute,
    parts: [
      {
        name: 'faults',
        covers:
          'servers that die, hang and lose their disk under load, and the embedded PostgreSQL as every user',
        project: 'faults',
        files: ['test/faults'],
      },
    ],
  },
  {
    usualSeconds: 550,
    env: { POINTSMAN_TEST_DEEP: '1' },
    timeoutMs: 60 * minute,
    parts: [
      {
        name: 'every-boundary',
        covers: 'every flow, with its worker killed before and after each message',
        project: 'every-boundary',
        files: [BOUNDARIES],
      },
    ],
  },
];
