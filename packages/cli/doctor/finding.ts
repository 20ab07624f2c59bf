import { CliError } from '../failures.ts';

/** A result of the doctor about one subject. */
export interface Finding {
  /** The subject: `PostgreSQL`, `sink acme/audit`, `Release/acme/bot/v1/run`. */
  readonly subject: string;
  /** `error` makes the doctor exit with a failure. `unknown`: it could not be checked from here. */
  readonly state: 'error' | 'warning' | 'unknown' | 'ok';
  /** The result, with its cause if known. */
  readonly summary: string;
  /** What to do, one line each: commands that can be run unchanged. */
  readonly actions?: readonly string[];
}

const SEVERITY = ['error', 'warning', 'unknown', 'ok'] as const;

/** Sorts by severity; equal ones keep their order. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => SEVERITY.indexOf(a.state) - SEVERITY.indexOf(b.state));
}

/** The findings of a check. A check that fails itself is an error of its subject. */
export async function check(subject: string, find: () => Promise<Finding[]>): Promise<Finding[]> {
  return find().catch((error: unknown) => {
    const summary = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ subject, state: 'error', summary, actions: error instanceof CliError ? error.hints : [] }];
  });
}
