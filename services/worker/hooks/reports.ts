import { commitState, type DeliveryName, deliveryCorrelationId } from '../../../core/hook.ts';
import { correlationId } from '../../../core/identifiers.ts';
import type { NextReport, Reports, Told } from '../../../handlers/ports/hooks.ts';
import { type CommitReport, isStanding, standingCall, statusCall } from '../../hooks/commit-status.ts';
import { apiOf, type HookTarget, type TargetCall } from '../../hooks/hook-target.ts';
import { statusLimits } from '../../hooks/limits.ts';
import type { OutboundAnswer, OutboundRequest } from '../../outbound/contract.ts';
import { findReport, nextReport, recordReport } from '../../postgres/hooks/commit-reports.ts';
import type { HookDeps } from './deliveries.ts';
import { openToken } from './hook-token.ts';

export interface ReportDeps extends HookDeps {
  /** Where readers of a status reach the API. */
  readonly publicUrl: string;
}

/** Tells commits through the API of their provider. */
export function hookReports(parts: ReportDeps): Reports {
  const { db } = parts;
  return {
    next: (name, at) => nextReport(db, name, at),
    tell: (name, { kind }) => tell(parts, name, kind),
    record: (name, { kind }, how) => recordReport(db, name, kind, how),
  };
}

async function tell(parts: ReportDeps, name: DeliveryName, kind: NextReport['kind']): Promise<Told> {
  const found = await findReport(parts.db, name, kind);
  if (found === null) return { kind: 'refused', reason: 'the hook is gone, or for another repository' };
  const token = openToken(parts, name, found.token);
  if (token.kind === 'lost') return { kind: 'refused', reason: token.reason };
  const target: HookTarget = { ...found, token: token.plain };
  if (apiOf(target) === null) return { kind: 'refused', reason: 'the hook names no API any more' };
  const { bundle, version } = found;
  const report: CommitReport = {
    ...found,
    delivery: name.delivery,
    correlationId:
      version === null
        ? deliveryCorrelationId(name)
        : correlationId({ tenant: name.tenant, bundle, version }),
    url: `${parts.publicUrl}${pathOf(name, bundle, version)}`,
  };
  return say(parts, target, report, `${deliveryCorrelationId(name)}:${kind}`);
}

/** The release, or what is known before there is one. */
function pathOf({ tenant, hook }: DeliveryName, bundle: string, version: number | null): string {
  return version === null
    ? `/v1/tenants/${tenant}/hooks/${hook}/deliveries`
    : `/v1/tenants/${tenant}/bundles/${bundle}/releases/${version}`;
}

async function say(
  { outbound }: ReportDeps,
  target: HookTarget,
  report: CommitReport,
  idempotencyKey: string,
): Promise<Told> {
  const call = (to: TargetCall & Pick<OutboundRequest, 'method' | 'body'>): Promise<OutboundAnswer> =>
    outbound.call({
      ...to,
      idempotencyKey,
      correlationId: report.correlationId,
      timeoutMs: statusLimits.timeoutMs,
      maxBytes: statusLimits.answerBytes,
      maxRedirects: statusLimits.redirects,
    });
  const detail = `told "${commitState(report.outcome)}"`;
  const answer = await call({ ...statusCall(target, report), method: 'POST' });
  if (answer.kind === 'answered') return { kind: 'told', detail };
  if (answer.kind === 'later')
    return { kind: 'later', reason: answer.summary, retryAfterMs: answer.retryAfterMs };
  // As with fetching: it may be that we have said too much.
  if (isTooMuch(target, answer)) return { kind: 'later', reason: answer.summary, retryAfterMs: null };
  const ask = standingCall(target, report, answer.kind === 'refused' ? answer.status : null);
  if (ask === null) return { kind: 'refused', reason: answer.summary };
  const standing = await call({ ...ask, method: 'GET', body: null });
  if (standing.kind === 'answered' && isStanding(standing.body, report)) return { kind: 'told', detail };
  if (standing.kind !== 'later') return { kind: 'refused', reason: answer.summary };
  return { kind: 'later', reason: standing.summary, retryAfterMs: standing.retryAfterMs };
}

function isTooMuch(target: HookTarget, answer: OutboundAnswer): boolean {
  return target.provider === 'github' && answer.kind === 'refused' && answer.status === 403;
}
