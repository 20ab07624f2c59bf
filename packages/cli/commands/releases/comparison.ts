import { correlationId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { artifactChanges } from './artifact-changes.ts';
import { readArtifactFiles } from './artifact-files.ts';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import type { CommandRun } from '../../context.ts';
import { ApiProblem } from '../../failures.ts';
import { gateLine } from '../../output/format-gate.ts';
import { printable } from '../../output/printable.ts';
import { PointerView, type ReleaseView } from '@pointsman/client/internal/http/resources';
import { table } from '../../output/table.ts';
import { counted, shortDigest } from '../../output/format.ts';

/**
 * The difference between a release and the live release when the user reviewed it. The user's decision is
 * valid only for this digest and this generation of the pointer.
 */
export interface Comparison {
  readonly digest: string;
  readonly generation: number;
  /** The comparison, formatted for the terminal. */
  readonly text: string;
}

/** Compares a release with the release that is live at its pointer. */
export async function compareWithLive(
  { client, terminal }: CommandRun,
  release: ReleaseView & { readonly digest: string },
): Promise<Comparison> {
  const { tenant, bundle, channel, version, digest } = release;
  const live = await client
    .call('GET', pathOf(paths.channel, { tenant, bundle, channel }), PointerView)
    .catch(nothingThere);
  const changes = await changedFiles(client, tenant, live.digest, digest);
  const see = live.version === null ? '' : ` ("pointsman diff ${live.version} ${version}" shows them)`;
  const why = release.message ? `: ${printable(release.message)}` : '';
  const text = [
    `${terminal.paint('bold', correlationId(release))} to ${channel}${release.by ? ` by ${printable(release.by)}` : ''}${why}\n`,
    table([
      ['  would be live', `v${version}`, shortDigest(digest)],
      live.version === null || live.digest === null
        ? ['  is live', 'nothing yet']
        : ['  is live', `v${live.version}`, shortDigest(live.digest), `at generation ${live.generation}`],
    ]),
    changes === null ? '  identical files\n' : `  ${changes}${see}\n`,
    ...release.gates.map((gate) => `${gateLine(gate, terminal)}\n`),
  ];
  return { digest, generation: live.generation, text: text.join('') };
}

/** Describes how many files differ between two artifacts of a tenant. Returns null if they are equal. */
export async function changedFiles(
  client: ApiClient,
  tenant: string,
  from: string | null,
  to: string,
): Promise<string | null> {
  const [before, after] = await Promise.all([
    from === null ? new Map() : readArtifactFiles(client, tenant, from),
    readArtifactFiles(client, tenant, to),
  ]);
  const changes = artifactChanges(before, after);
  if (changes.length === 0) return null;
  const added = changes.filter((change) => change.before === null).length;
  const removed = changes.filter((change) => change.after === null).length;
  const others = changes.length - added - removed;
  return `${counted(others, 'file')} changed, ${added} added, ${removed} removed`;
}

/**
 * Returns an empty pointer if the channel does not exist. That is not an error here, because the first
 * release of a channel creates it.
 */
function nothingThere(error: unknown): Pick<PointerView, 'version' | 'digest' | 'generation'> {
  if (error instanceof ApiProblem && error.problem.code === 'not_found') {
    return { version: null, digest: null, generation: 0 };
  }
  throw error;
}
