import type { ReleaseId } from '../../../core/identifiers.ts';
import type { CommandRun } from '../context.ts';
import type { NamedRelease } from './option-values.ts';

/** Which release is meant: what its name leaves out, the options and the environment say. Throws CliError when they do not. */
export function releaseOf(run: CommandRun, { tenant, bundle, version }: NamedRelease): ReleaseId {
  return { tenant: tenant ?? run.tenant(), bundle: bundle ?? run.bundle(), version };
}
