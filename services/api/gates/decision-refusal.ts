import { PointsmanError } from '@pointsman/protocol/errors';
import { correlationId, type ReleaseId } from '@pointsman/protocol/identifiers';
import type { DecisionResult } from '../../../handlers/contract/release.ts';
import type { Database } from '../../postgres/database.ts';
import { listGateNames } from '../../postgres/releases/gates.ts';
import { missingError } from '../responses/not-found.ts';
import { refusal } from '../responses/refusal.ts';

type Refused = Exclude<DecisionResult, { kind: 'recorded' }>;

/** Returns the error for a decision on a gate that was not recorded. */
export async function decisionRefusal(
  db: Database,
  id: ReleaseId,
  answer: Refused,
  asked: { readonly kind: string; readonly gate: string | null },
): Promise<PointsmanError> {
  switch (answer.kind) {
    case 'no_release':
      return missingError(db, id, `release v${id.version} of "${id.bundle}"`);
    case 'no_gate':
      return noSuchGate(db, id, asked);
    case 'stale':
    case 'key_reused':
      return refusal(answer, id.tenant);
    default:
      return detailedRefusal(answer, correlationId(id));
  }
}

/** The requested gate does not exist. Its name is probably misspelled, so the error lists the gates of the release. */
async function noSuchGate(
  db: Database,
  id: ReleaseId,
  { kind, gate }: { readonly kind: string; readonly gate: string | null },
): Promise<PointsmanError> {
  const gates = await listGateNames(db, id);
  const wanted = gate === null ? `no ${kind}` : `no ${kind} "${gate}"`;
  const there =
    gates.length === 0
      ? 'it does not have any gates'
      : `it has ${gates.map((one) => `${one.kind} "${one.gate}"`).join(', ')}`;
  return new PointsmanError('not_found', `${correlationId(id)} has ${wanted}: ${there}.`, {
    details: { gates: gates.map((one) => one.gate) },
  });
}

type DetailedRefusal = Exclude<Refused, { kind: 'no_release' | 'no_gate' | 'stale' | 'key_reused' }>;

function detailedRefusal(answer: DetailedRefusal, release: string): PointsmanError {
  const details = Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'kind'));
  const as = (code: PointsmanError['code'], detail: string) => new PointsmanError(code, detail, { details });
  switch (answer.kind) {
    case 'decided': {
      const { gate, state, by, decision, at } = answer;
      return as(
        'gate_decided',
        `The gate "${gate}" was already decided as ${state}: ${by} decided "${decision}", at ${at}.`,
      );
    }
    case 'already_decided':
      return as(
        'already_decided',
        `You decided "${answer.decision}" on the gate "${answer.gate}" at ${answer.at}. A decision cannot be changed.`,
      );
    case 'expired':
      return as(
        'gate_expired',
        `The deadline of the gate "${answer.gate}" was ${answer.deadlineAt}. Publish again to get a new release.`,
      );
    case 'settled':
      return as('already_settled', `The release settled as ${answer.outcome}.`);
    case 'not_open':
      return as(
        'gate_not_open',
        `${release} is ${NOT_OPEN[answer.status]}. Its gates open after it is compiled and stored. Retry then.`,
      );
    case 'which':
      return as(
        'which_gate',
        `${release} has several such gates. Set "gate" to one of: ${answer.gates.join(', ')}.`,
      );
    case 'wrong_digest':
      return as(
        'digest_mismatch',
        `${release} has the digest ${answer.digest}, not the one in the request. Review the release again, then decide with its digest.`,
      );
    case 'wrong_role':
      return as('forbidden', `The gate "${answer.gate}" requires a token with the role ${answer.role}.`);
    case 'author':
      return as(
        'own_release',
        `The gate "${answer.gate}" must be decided by someone other than the author, and you published ${release}.`,
      );
    case 'own_check':
      return as(
        'own_release',
        `You published ${release}, so you cannot report its check "${answer.gate}". Use a token of someone else, or ask an admin.`,
      );
    case 'asked_check':
      return as(
        'forbidden',
        `The check "${answer.gate}" has a URL: only that service's report through its callback counts, or an admin's.`,
      );
  }
}

const NOT_OPEN = {
  queued: 'queued behind another release of its pointer',
  running: 'still being compiled',
} as const;
