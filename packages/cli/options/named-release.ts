import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { CommandRun } from '../context.ts';
import type { NamedRelease } from './option-values.ts';

/** The release that a name refers to; options and the environment complete it. Throws CliError if they do not. */
export function releaseOf(run: CommandRun, { tenant, bundle, version }: NamedRelease): ReleaseId {
  return { tenant: tenant ?? run.tenant(), bundle: bundle ?? run.bundle(), version };
}
