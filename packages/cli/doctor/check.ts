import type { Finding } from '@pointsman/protocol/findings/finding';
import { CliError } from '../failures.ts';

/**
 * Runs a check and returns its findings. If the check throws, returns one finding with the error, for the
 * given subject.
 */
export async function check(subject: string, find: () => Promise<Finding[]>): Promise<Finding[]> {
  return find().catch((error: unknown) => {
    const summary = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ subject, state: 'error', summary, actions: error instanceof CliError ? error.hints : [] }];
  });
}

export function hasError(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'error');
}
