import { correlationId } from '@pointsman/protocol/identifiers';
import type { Outcome } from '@pointsman/protocol/releases/release';
import { cliLimits } from '../limits.ts';
import { printable } from './printable.ts';
import type { PointerView, ReleaseView } from '@pointsman/client/internal/http/resources';
import type { Terminal } from './terminal.ts';

/**
 * Returns the state of a release as a short label: its outcome if it has one, otherwise its status and stage.
 */
export function statusLabel(release: ReleaseView, terminal: Terminal): string {
  if (release.outcome !== null) return terminal.paint(OUTCOME_PAINT[release.outcome], release.outcome);
  const { status, stage } = release;
  return stage !== null && (status === 'running' || status === 'waiting') ? `${status}: ${stage}` : status;
}

/** Returns one line with the outcome of a release, its name and the reason. */
export function outcomeLine(release: ReleaseView, terminal: Terminal): string {
  const name = correlationId(release);
  const why = release.reason === null || release.reason === '' ? '' : `: ${printable(release.reason)}`;
  if (release.outcome === null) return `${name} is ${release.status}`;
  const label = terminal.paint(['bold', OUTCOME_PAINT[release.outcome]], release.outcome);
  if (release.outcome !== 'published') return `${label}  ${name}${why}`;
  const at = release.generation === null ? '' : ` at generation ${release.generation}`;
  return `${label}  ${name} is ${release.channel}${at}`;
}

/** Returns one line with the version, the generation and the hold of a pointer, but without its name. */
export function pointerPosition(pointer: PointerView, terminal: Terminal): string {
  if (pointer.version === null) return 'never moved';
  const held =
    pointer.hold === null ? '' : terminal.paint('yellow', `, held: ${printable(pointer.hold.reason)}`);
  return `v${pointer.version} at generation ${pointer.generation}${held}`;
}

/**
 * Shortens a digest to 12 hex digits, which is still enough to distinguish artifacts. Container tools do the
 * same.
 */
export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

/** Returns a number with its noun, for example `1 file` or `2 files`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Joins names with commas. If there are more than {@link cliLimits.notedNames}, returns the first ones and
 * the number of the others.
 */
export function firstNames(names: readonly string[]): string {
  const shown = names.slice(0, cliLimits.notedNames).map(printable).join(', ');
  const others = names.length - cliLimits.notedNames;
  return others > 0 ? `${shown} and ${others} more` : shown;
}

/** Formats an ISO 8601 time in UTC for display, without fractions of a second. */
export function moment(iso: string): string {
  return iso.replace('T', ' ').replace(/(?:\.\d+)?Z$/, 'Z');
}

const OUTCOME_PAINT = {
  published: 'green',
  unchanged: 'green',
  rejected: 'red',
  errored: 'red',
  superseded: 'yellow',
  cancelled: 'yellow',
} as const satisfies Record<Outcome, string>;
