import { expect, test } from 'vitest';

import { sum, summary, talliesOfFolders, tallyOf } from '../../support/runs/tally.ts';

const report = (passed: number, failed: number, files: unknown[] = []) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: files,
});

test('a test run in which every test passed has no failures', () => {
  expect(tallyOf(report(3, 0), 0)).toEqual({ passed: 3, failed: 0, skipped: 0, failures: [] });
});

test('every failed test of a run counts once, with its file and its reason without the stack', () => {
  const assertionResults = [
    {
      status: 'failed',
      fullName: 'a pointer moves once',
      failureMessages: ['Error: seed 7:\nexpected 2 to be 1\n    at x.ts:1'],
    },
    { status: 'passed', fullName: 'a pointer stays', failureMessages: [] },
  ];
  const files = [{ name: 'pointers.test.ts', status: 'failed', message: '', assertionResults }];
  expect(tallyOf(report(1, 1, files), 1)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
    failures: ['pointers.test.ts: a pointer moves once: Error: seed 7: expected 2 to be 1'],
  });
});

test('a test file that fails before its tests begin is a failure with its reason', () => {
  const file = { name: 'broken.test.ts', status: 'failed', message: 'SyntaxError: x', assertionResults: [] };
  const broken = tallyOf(report(1, 0, [file]), 1);
  expect(broken).toMatchObject({ failed: 1, failures: ['broken.test.ts: SyntaxError: x'] });
});

test.each([
  ['left no report', null, 1],
  ['left a report in another format', { passed: 1 }, 0],
  ['ran no test', report(0, 0), 0],
  ['exited with an error although every test passed', report(3, 0), 1],
  ['was killed', report(3, 0), null],
])('a test run that %s is a failure', (_what, found, exitCode) => {
  expect(tallyOf(found, exitCode)).toMatchObject({ failed: 1, failures: [expect.stringContaining('it ')] });
});

test('skipped tests and todo tests are counted apart from passed tests', () => {
  expect(tallyOf({ ...report(1, 0), numPendingTests: 2, numTodoTests: 1 }, 0)).toEqual({
    passed: 1,
    failed: 0,
    skipped: 3,
    failures: [],
  });
});

test('the summary of test runs is the sum of all runs, and mentions skipped tests only if there are some', () => {
  const total = sum([
    { passed: 1, failed: 0, skipped: 0, failures: [] },
    { passed: 2, failed: 1, skipped: 0, failures: ['a test'] },
  ]);
  expect(total.failures).toEqual(['a test']);
  expect(summary(total)).toBe('3 passed, 1 failed');
  expect(summary({ ...total, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
});

const ranFile = (name: string, ...statuses: string[]) => ({
  name: `/work/${name}`,
  status: statuses.includes('failed') ? 'failed' : 'passed',
  message: '',
  assertionResults: statuses.map((status) => ({ status, fullName: `a ${status} test`, failureMessages: [] })),
});
const lists = [['test/store', 'test/conformance'], ['test/packages']];

test('parts that ran together are counted apart, by the folders of their files', () => {
  const files = [
    ranFile('test/store/a.test.ts', 'passed', 'skipped'),
    ranFile('test/conformance/b.test.ts', 'passed'),
    ranFile('test/packages/c.test.ts', 'passed', 'failed'),
  ];
  expect(talliesOfFolders(report(3, 1, files), 1, lists)).toEqual([
    { passed: 2, failed: 0, skipped: 1, failures: [] },
    { passed: 1, failed: 1, skipped: 0, failures: [expect.stringContaining('a failed test')] },
  ]);
});

test.each([
  ['a part ran no test', [ranFile('test/store/a.test.ts', 'passed')], 0],
  ['the run left no report', null, null],
  [
    'the run exited with an error although every test passed',
    [ranFile('test/store/a.test.ts', 'passed'), ranFile('test/packages/c.test.ts', 'passed')],
    1,
  ],
])('parts that ran together have failed if %s', (_what, files, exitCode) => {
  const found = files === null ? null : report(1, 0, files);
  const tallies = talliesOfFolders(found, exitCode, lists);
  expect(tallies.reduce((failed, tally) => failed + tally.failed, 0)).toBeGreaterThan(0);
});
