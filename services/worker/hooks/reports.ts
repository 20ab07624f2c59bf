import { commitState, type DeliveryName, deliveryCorrelationId } from '@pointsman/protocol/hook';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { correlationId } from '@pointsman/protocol/identifiers';
import type { NextReport, Reports, ReportResult } from '../../../handlers/ports/hooks.ts';
import {
  type CommitReport,
  isCurrentStatus,
  currentStatusCall,
  statusCall,
} from '../../hooks/commit-status.ts';
import { apiOf, type HookTarget, type TargetCall } from '../../hooks/hook-target.ts';
import { statusLimits } from '../../hooks/limits.ts';
import type { OutboundResult, OutboundRequest } from '../../outbound/contract.ts';
import { findReport, nextReport, recordReport } from '../../postgres/hooks/commit-reports.ts';
import type { HookDeps } from './deliveries.ts';
import { openToken } from './hook-token.ts';

export interface ReportDeps extends HookDeps {
  /** The public URL of the API, to which commit statuses link. */
  readonly publicUrl: string;
}

/** Sets commit statuses through the API of the Git provider. */
export function hookReports(deps: ReportDeps): Reports {
  const { db } = deps;
  return {
    next: (name, at) => nextReport(db, name, at),
    send: (name, { kind }) => sendReport(deps, name, kind),
    record: (name, { kind }, how) => recordReport(db, name, kind, how),
  };
}

async function sendReport(
  deps: ReportDeps,
  name: DeliveryName,
  kind: NextReport['kind'],
): Promise<ReportResult> {
  const found = await findReport(deps.db, name, kind);
  if (found === null)
    return { kind: 'refused', reason: 'the hook was deleted, or it now belongs to another repository' };
  const token = openToken(deps, name, found.token);
  if (token.kind === 'lost') return { kind: 'refused', reason: token.reason };
  const target: HookTarget = { ...found, token: token.plain };
  if (apiOf(target) === null) return { kind: 'refused', reason: 'the hook no longer has an API URL' };
  const { bundle, version } = found;
  const report: CommitReport = {
    ...found,
    delivery: name.delivery,
    correlationId:
      version === null
        ? deliveryCorrelationId(name)
        : correlationId({ tenant: name.tenant, bundle, version }),
    url: `${deps.publicUrl}${linkedPath(name, bundle, version)}`,
  };
  return sendStatus(deps, target, report, `${deliveryCorrelationId(name)}:${kind}`);
}

/**
 * Returns the path to which a commit status links. It is the release, or the list of deliveries if there is no
 * release yet.
 */
function linkedPath({ tenant, hook }: DeliveryName, bundle: string, version: number | null): string {
  return version === null
    ? pathOf(paths.hookDeliveries, { tenant, hook })
    : pathOf(paths.release, { tenant, bundle, version });
}

async function sendStatus(
  { outbound }: ReportDeps,
  target: HookTarget,
  report: CommitReport,
  idempotencyKey: string,
): Promise<ReportResult> {
  const call = (to: TargetCall & Pick<OutboundRequest, 'method' | 'body'>): Promise<OutboundResult> =>
    outbound.call({
      ...to,
      idempotencyKey,
      correlationId: report.correlationId,
      timeoutMs: statusLimits.timeoutMs,
      maxBytes: statusLimits.answerBytes,
      maxRedirects: statusLimits.redirects,
    });
  const detail = `posted "${commitState(report.outcome)}"`;
  const result = await call({ ...statusCall(target, report), method: 'POST' });
  if (result.kind === 'answered') return { kind: 'posted', detail };
  if (result.kind === 'later')
    return { kind: 'later', reason: result.summary, retryAfterMs: result.retryAfterMs };
  // GitHub returns 403 also for an exceeded rate limit, so a 403 is retried.
  if (isRateLimited(target, result)) return { kind: 'later', reason: result.summary, retryAfterMs: null };
  const readCall = currentStatusCall(target, report, result.kind === 'refused' ? result.status : null);
  if (readCall === null) return { kind: 'refused', reason: result.summary };
  const current = await call({ ...readCall, method: 'GET', body: null });
  if (current.kind === 'answered' && isCurrentStatus(current.body, report)) return { kind: 'posted', detail };
  if (current.kind !== 'later') return { kind: 'refused', reason: result.summary };
  return { kind: 'later', reason: current.summary, retryAfterMs: current.retryAfterMs };
}

function isRateLimited(target: HookTarget, result: OutboundResult): boolean {
  return target.provider === 'github' && result.kind === 'refused' && result.status === 403;
}
