import { PointsmanError } from '../../../core/errors.ts';
import { correlationId, type ReleaseId } from '../../../core/identifiers.ts';
import type { DecisionResult } from '../../../handlers/contract/release.ts';
import type { Database } from '../../postgres/database.ts';
import { listGateNames } from '../../postgres/releases/gates.ts';
import { absence } from '../responses/not-found.ts';
import { refusal } from '../responses/refusal.ts';

type Refused = Exclude<DecisionResult, { kind: 'heard' }>;

/** What somebody is told whose word on a gate of that release was not taken. */
export async function verdictRefusal(
  db: Database,
  id: ReleaseId,
  answer: Refused,
  asked: { readonly kind: string; readonly gate: string | null },
): Promise<PointsmanError> {
  switch (answer.kind) {
    case 'no_release':
      return absence(db, id, `release v${id.version} of "${id.bundle}"`);
    case 'no_gate':
      return noSuchGate(db, id, asked);
    case 'stale':
    case 'key_reused':
      return refusal(answer, id.tenant);
    default:
      return described(answer, correlationId(id));
  }
}

/** A name that no policy has is a slip of the pen, mostly: what the release does have stands beside it. */
async function noSuchGate(
  db: Database,
  id: ReleaseId,
  { kind, gate }: { readonly kind: string; readonly gate: string | null },
): Promise<PointsmanError> {
  const gates = await listGateNames(db, id);
  const wanted = gate === null ? `no ${kind}` : `no ${kind} "${gate}"`;
  const there =
    gates.length === 0
      ? 'it has no gates'
      : `it has ${gates.map((one) => `${one.kind} "${one.gate}"`).join(', ')}`;
  return new PointsmanError('not_found', `${correlationId(id)} has ${wanted}: ${there}.`, {
    details: { gates: gates.map((one) => one.gate) },
  });
}

type Described = Exclude<Refused, { kind: 'no_release' | 'no_gate' | 'stale' | 'key_reused' }>;

function described(answer: Described, release: string): PointsmanError {
  const details = Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'kind'));
  const as = (code: PointsmanError['code'], detail: string) => new PointsmanError(code, detail, { details });
  switch (answer.kind) {
    case 'decided': {
      const { gate, state, by, word, at } = answer;
      return as(
        'gate_decided',
        `The gate "${gate}" has ${state}: ${by} said "${word}", and it was decided at ${at}.`,
      );
    }
    case 'already_said':
      return as(
        'already_said',
        `You said "${answer.word}" on the gate "${answer.gate}" at ${answer.at}, and that stands.`,
      );
    case 'expired':
      return as(
        'gate_expired',
        `The time to answer at the gate "${answer.gate}" was over at ${answer.deadlineAt}.`,
      );
    case 'settled':
      return as('already_settled', `The release has ended as ${answer.outcome}.`);
    case 'not_open':
      return as(
        'gate_not_open',
        `${release} is ${NOT_OPEN[answer.status]}. Its gates open once it is stored.`,
      );
    case 'which':
      return as(
        'which_gate',
        `${release} has several such gates: say which of ${answer.gates.join(', ')} you mean.`,
      );
    case 'wrong_digest':
      return as('digest_mismatch', `${release} is ${answer.digest}, and that is not what you mean.`);
    case 'wrong_role':
      return as('forbidden', `The gate "${answer.gate}" wants a token with the role ${answer.role}.`);
    case 'author':
      return as(
        'own_release',
        `The gate "${answer.gate}" wants four eyes: you published ${release} yourself.`,
      );
    case 'own_check':
      return as(
        'own_release',
        `You published ${release}, so you can't report its check "${answer.gate}". A token that did not publish it can, or an admin.`,
      );
    case 'asked_check':
      return as(
        'forbidden',
        `The check "${answer.gate}" has a URL: only the answer to Pointsman's request counts, or an admin's report.`,
      );
  }
}

const NOT_OPEN = {
  queued: 'queued behind another release of its pointer',
  running: 'still being compiled',
} as const;
