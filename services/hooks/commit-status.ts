import { z } from 'zod';

import { boundedList } from '@pointsman/protocol/json/bounded-list';
import { cut } from '@pointsman/protocol/text/cut';
import { type CommitState, commitState, statusContext } from '@pointsman/protocol/hook';
import type { Outcome } from '@pointsman/protocol/releases/release';
import { parseBoundedJson } from '@pointsman/protocol/json/json-bounds';
import { apiOf, authorization, type HookTarget, repositoryPath, type TargetCall } from './hook-target.ts';
import { statusLimits } from './limits.ts';

/** The status to report for a commit. */
export interface CommitReport {
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  readonly delivery: string;
  readonly bundle: string;
  readonly channel: string;
  /** Null until a release exists. */
  readonly version: number | null;
  /** Null until the release has settled. */
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly correlationId: string;
  /** A link to the details. */
  readonly url: string;
}

export interface StatusCall extends TargetCall {
  readonly body: string;
}

/** Builds the request that reports the status. Throws if the target has no API. */
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

/** Builds the body as GitHub documents it in "REST API: create a commit status". */
function githubStatus(report: CommitReport): object {
  return {
    state: GITHUB_STATES[commitState(report.outcome)],
    context: statusContext(report),
    description: cut(describe(report), statusLimits.githubDescriptionChars),
    target_url: report.url,
  };
}

/**
 * Builds the body as GitLab documents it in "Commits API: set commit pipeline status". Without the ref, GitLab attaches
 * the status to any pipeline of the commit.
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

/** GitHub has no "cancelled" state, so a cancelled release is reported as a failure. */
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
 * GitLab rejects both a repeated status and an invalid transition with 400. This builds the request that reads the
 * current status, to distinguish the two cases. Null if the rejection is final.
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

/** Whether the response shows that the commit already has this status. */
export function isCurrentStatus(body: Uint8Array, report: CommitReport): boolean {
  const json = parseBoundedJson(body, { depth: statusLimits.depth, values: statusLimits.values });
  if (json.kind !== 'json') return false;
  const parsed = CurrentStatuses.safeParse(json.value);
  const [state, name] = [GITLAB_STATES[commitState(report.outcome)], statusContext(report)];
  return parsed.success && parsed.data.some((one) => one.name === name && one.status === state);
}
