import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { CommandRun } from '../context.ts';
import type { NamedRelease } from './option-values.ts';

/**
 * Completes the name of a release from options and the environment. Throws CliError if a part is still
 * missing.
 */
export function releaseOf(run: CommandRun, { tenant, bundle, version }: NamedRelease): ReleaseId {
  return { tenant: tenant ?? run.tenant(), bundle: bundle ?? run.bundle(), version };
}
