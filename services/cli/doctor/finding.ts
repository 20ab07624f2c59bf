import { CliError } from '../failures.ts';

/** What the doctor found out about one thing. */
export interface Finding {
  /** What it is about: `PostgreSQL`, `sink acme/audit`, `Release/acme/bot/v1/run`. */
  readonly subject: string;
  /** `error` makes the doctor exit with a failure. `unknown`: it could not be checked from here. */
  readonly state: 'error' | 'warning' | 'unknown' | 'ok';
  /** What is the case, and its cause where that is known. */
  readonly summary: string;
  /** What to do about it, a line each: commands that can be run as they are. */
  readonly actions?: readonly string[];
}

const SEVERITY = ['error', 'warning', 'unknown', 'ok'] as const;

/** The most severe first; equally severe ones as they were found. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => SEVERITY.indexOf(a.state) - SEVERITY.indexOf(b.state));
}

/** The findings of a check. One that can't be carried out is an error of its subject. */
export async function check(subject: string, find: () => Promise<Finding[]>): Promise<Finding[]> {
  return find().catch((error: unknown) => {
    const summary = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ subject, state: 'error', summary, actions: error instanceof CliError ? error.hints : [] }];
  });
}
