import type { HookProvider } from '@pointsman/protocol/hook';
import type { Delivered, Push } from './push.ts';

/** A rule that selects the pushes from which a hook publishes. */
export interface Rule {
  readonly provider: HookProvider;
  readonly repository: string;
  /** The full name of a ref, or a prefix of refs followed by "*". */
  readonly ref: string;
  /** The folder of the repository that contains the source. It is null if the source is the whole repository. */
  readonly path: string | null;
}

/** A push to publish. It has no list of paths, because only the rule needs them. */
export type AcceptedPush = Omit<Push, 'paths' | 'commit'> & { readonly commit: string };

export type RuleResult =
  | { readonly kind: 'push'; readonly push: AcceptedPush }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'unknown_repository'; readonly repository: string };

export function applyRule(rule: Rule, delivered: Exclude<Delivered, { kind: 'unreadable' }>): RuleResult {
  if (delivered.kind === 'ping') return ignored('this is a ping, and the hook exists');
  if (delivered.kind === 'other') return ignored(`the event "${delivered.event}" does not publish anything`);
  const { commit, paths, ...push } = delivered.push;
  const { repository, ref } = push;
  if (!isSameRepository(rule, repository)) return { kind: 'unknown_repository', repository };
  if (!refMatches(rule.ref, ref)) return ignored(`the hook is for ${rule.ref}, and this is ${ref}`);
  if (commit === null) return ignored(`${ref} was deleted`);
  if (!touches(rule.path, paths)) return ignored(`the push changes nothing in ${rule.path}`);
  return { kind: 'push', push: { ...push, commit } };
}

function ignored(why: string): RuleResult {
  return { kind: 'ignored', why };
}

/**
 * Whether the rule is for this repository. GitHub and GitLab treat "Acme/Bot" and "acme/bot" as the same repository,
 * and payloads contain the spelling that the owner currently uses.
 */
function isSameRepository(rule: Rule, repository: string): boolean {
  if (rule.provider === 'generic') return rule.repository === repository;
  return rule.repository.toLowerCase() === repository.toLowerCase();
}

function refMatches(pattern: string, ref: string): boolean {
  return pattern.endsWith('*') ? ref.startsWith(pattern.slice(0, -1)) : ref === pattern;
}

/**
 * Whether the push may have changed a file in the folder. If the changed paths are unknown, returns true: an
 * unnecessary release is harmless, but a missing one is not.
 */
function touches(folder: string | null, paths: readonly string[] | null): boolean {
  if (folder === null || paths === null) return true;
  return paths.some((path) => path === folder || path.startsWith(`${folder}/`));
}
