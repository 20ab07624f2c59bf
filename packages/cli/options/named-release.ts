import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { CommandRun } from '../context.ts';
import type { NamedRelease } from './option-values.ts';

/**
 * Returns the full ID of a release. The tenant and the bundle come from the options or the environment if the
 * name does not include them. Throws CliError if one of them is missing.
 */
export function releaseOf(run: CommandRun, { tenant, bundle, version }: NamedRelease): ReleaseId {
  return { tenant: tenant ?? run.tenant(), bundle: bundle ?? run.bundle(), version };
}
