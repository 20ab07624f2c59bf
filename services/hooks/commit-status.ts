import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { cut } from '@pointsman/protocol/text/cut';
import { type CommitState, commitState, statusContext } from '@pointsman/protocol/hook';
import type { Outcome } from '@pointsman/protocol/releases/release';
import { parseBoundedJson } from '@pointsman/protocol/json/json-bounds';
import { apiOf, authorization, type HookTarget, repositoryPath, type TargetCall } from './hook-target.ts';
import { statusLimits } from './limits.ts';

/** The data for the status of a commit at the Git provider. */
export interface CommitReport {
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  readonly delivery: string;
  readonly bundle: string;
  readonly channel: string;
  /** The version of the release. It is null until the release exists. */
  readonly version: number | null;
  /** The outcome of the release. It is null until the release has settled. */
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly correlationId: string;
  /** The page to which the status links. */
  readonly url: string;
}

export interface StatusCall extends TargetCall {
  readonly body: string;
}

/** Builds the request that sets the status of the commit. Throws if the provider has no API URL. */
export function statusCall(target: HookTarget, report: CommitReport): StatusCall {
  const api = apiOf(target);
  if (api === null) throw new Error(`a hook of ${target.repository} has no API URL for statuses`);
  const at = `${api}${repositoryPath(target)}`;
  switch (target.provider) {
    case 'github':
      return call(target, `${at}/statuses/${report.commit}`, githubStatus(report));
    case 'gitlab':
      return call(target, `${at}/statuses/${report.commit}`, gitlabStatus(report));
    case 'generic':
      return call(target, api, genericStatus(report));
  }
}

function call(target: HookTarget, url: string, status: object): StatusCall {
  const accept = target.provider === 'github' ? 'application/vnd.github+json' : 'application/json';
  const headers = { accept, 'content-type': 'application/json', ...authorization(target, url) };
  return { url, headers, body: JSON.stringify(status) };
}

/** Builds the request body as documented in GitHub's "REST API: create a commit status". */
function githubStatus(report: CommitReport): object {
  return {
    state: GITHUB_STATES[commitState(report.outcome)],
    context: statusContext(report),
    description: cut(describe(report), statusLimits.githubDescriptionChars),
    target_url: report.url,
  };
}

/**
 * Builds the request body as documented in GitLab's "Commits API: set commit pipeline status". The ref selects the
 * pipeline. Without it, GitLab adds the status to any pipeline of the commit.
 */
function gitlabStatus(report: CommitReport): object {
  return {
    state: GITLAB_STATES[commitState(report.outcome)],
    name: statusContext(report),
    ref: report.ref.replace(/^refs\/(?:heads|tags)\//, ''),
    description: cut(describe(report), statusLimits.gitlabDescriptionChars),
    target_url: report.url,
  };
}

function genericStatus(report: CommitReport): object {
  const { correlationId, delivery, repository, ref, commit, version, outcome, reason, url } = report;
  const state = commitState(outcome);
  return { correlationId, delivery, repository, ref, commit, version, state, outcome, reason, url };
}

/**
 * GitHub's name for each state of a commit. GitHub has no state "cancelled", so a cancelled release is reported as a
 * failure.
 */
const GITHUB_STATES: Readonly<Record<CommitState, string>> = {
  pending: 'pending',
  success: 'success',
  failure: 'failure',
  error: 'error',
  cancelled: 'failure',
};

const GITLAB_STATES: Readonly<Record<CommitState, string>> = {
  pending: 'pending',
  success: 'success',
  failure: 'failed',
  error: 'failed',
  cancelled: 'canceled',
};

function describe({ outcome, reason, version }: CommitReport): string {
  const release = version === null ? '' : ` as v${version}`;
  if (outcome === null) return 'in progress';
  if (outcome === 'published') return `published${release}`;
  return reason === null ? outcome : `${outcome}: ${reason}`;
}

/**
 * Builds the request that reads the current statuses of the commit after GitLab has rejected a status. GitLab returns
 * 400 both for a status that is already set and for an invalid transition, and the current status distinguishes the
 * two cases. Returns null for any other provider or response status. The rejection is then final.
 */
export function currentStatusCall(
  target: HookTarget,
  report: CommitReport,
  refusal: number | null,
): TargetCall | null {
  if (target.provider !== 'gitlab' || refusal !== 400) return null;
  const name = encodeURIComponent(statusContext(report));
  const at = `${apiOf(target)}${repositoryPath(target)}/repository/commits/${report.commit}`;
  const url = `${at}/statuses?name=${name}&per_page=${statusLimits.listed}`;
  return { url, headers: { accept: 'application/json', ...authorization(target, url) } };
}

const CurrentStatuses = boundedList(z.object({ name: z.string(), status: z.string() }), statusLimits.listed);

/** Whether the response shows that the commit already has the status that was to be set. */
export function isCurrentStatus(body: Uint8Array, report: CommitReport): boolean {
  const json = parseBoundedJson(body, { depth: statusLimits.depth, values: statusLimits.values });
  if (json.kind !== 'json') return false;
  const parsed = CurrentStatuses.safeParse(json.value);
  const [state, name] = [GITLAB_STATES[commitState(report.outcome)], statusContext(report)];
  return parsed.success && parsed.data.some((one) => one.name === name && one.status === state);
}
