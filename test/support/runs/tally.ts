import { z } from 'zod';

/** The results of tests: how many passed, failed and were skipped, and the failures. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure: the file, the test, and the beginning of the reason without its stack. */
  readonly failures: readonly string[];
}

/** The maximum number of characters shown for a reason. The output of the test contains the whole reason. */
const REASON_CHARS = 600;

const Assertion = z.object({
  status: z.string(),
  fullName: z.string(),
  failureMessages: z.array(z.string()).nullish(),
});

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().nullish(),
      assertionResults: z.array(Assertion),
    }),
  ),
});

/**
 * Counts the results of one Vitest run from its JSON report and its exit code. A file that failed before its tests
 * began counts as one failure. A run also counts as failed if it wrote no report, ran no test, or failed for a reason
 * that no test reports.
 */
export function tallyOf(report: unknown, exitCode: number | null): Tally {
  const parsed = Report.safeParse(report);
  if (!parsed.success) return { passed: 0, failed: 1, skipped: 0, failures: ['it left no report'] };
  const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests, testResults } = parsed.data;
  const broken = testResults.filter(brokeOutsideOfTests);
  const failed = numFailedTests + broken.length;
  const unseen = failed === 0 && (exitCode !== 0 || passed === 0) ? 1 : 0;
  return {
    passed,
    failed: failed + unseen,
    skipped: numPendingTests + numTodoTests,
    failures: [
      ...testResults.flatMap(failuresOf),
      ...broken.map(({ name, message }) => `${name}: ${begin(message)}`),
      ...(unseen > 0 ? [`it ended with ${exitCode ?? 'a signal'} after ${passed} tests`] : []),
    ],
  };
}

/**
 * Counts the results of one Vitest run apart for each list of folders and files. A failure of the run that no test reports counts for the
 * first list.
 */
export function talliesOfFolders(
  report: unknown,
  exitCode: number | null,
  lists: readonly (readonly string[])[],
): Tally[] {
  const parsed = Report.safeParse(report);
  if (!parsed.success) return lists.map(() => tallyOf(report, exitCode));
  const found = lists.map((paths) =>
    reportOf(parsed.data.testResults.filter(({ name }) => paths.some((path) => name.includes(`/${path}`)))),
  );
  const tallies = found.map((part) => tallyOf(part, 0));
  if (tallies.every(({ failed }) => failed === 0) && found[0]) tallies[0] = tallyOf(found[0], exitCode);
  return tallies;
}

function reportOf(testResults: z.infer<typeof Report>['testResults']): z.infer<typeof Report> {
  const statuses = testResults.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const count = (...wanted: string[]) => statuses.filter((status) => wanted.includes(status)).length;
  const passed = count('passed');
  const failed = count('failed');
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: statuses.length - passed - failed,
    numTodoTests: 0,
    testResults,
  };
}

function failuresOf({ name, assertionResults }: z.infer<typeof Report>['testResults'][number]): string[] {
  return assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${name}: ${fullName}: ${begin(failureMessages?.[0])}`);
}

function begin(reason: string | null | undefined): string {
  const message = (reason ?? '').trim().split(/\n\s+at /)[0] ?? '';
  return message === '' ? 'no reason given' : message.slice(0, REASON_CHARS).replaceAll('\n', ' ');
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = (key: 'passed' | 'failed' | 'skipped'): number =>
    tallies.reduce((before, tally) => before + tally[key], 0);
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    failures: tallies.flatMap(({ failures }) => failures),
  };
}

/** Formats the results as one line, which people and programs can read. */
export function summary({ passed, failed, skipped }: Omit<Tally, 'failures'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function brokeOutsideOfTests(file: z.infer<typeof Report>['testResults'][number]): boolean {
  return file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed');
}
