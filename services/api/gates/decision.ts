import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { DecisionRequest } from '../../../handlers/contract/release.ts';
import { callerOf, type Principal } from '../access/access.ts';
import { jsonResponse, replayedHeader } from '../responses/responses.ts';
import type { ApiDeps } from '../dependencies.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import { decisionRefusal } from './decision-refusal.ts';

/** The decision on a gate of a release, as the caller sends it. */
export type DecisionInput = Pick<
  DecisionRequest,
  'kind' | 'gate' | 'decision' | 'digest' | 'comment' | 'url'
> & {
  readonly ifGeneration: number | null;
};

interface DecisionCall {
  readonly params: ReleaseId;
  readonly headers: { readonly 'idempotency-key'?: string | undefined };
  readonly principal: Principal | null;
  readonly ids: RequestIds;
}

/**
 * Sends a decision on a gate to the release's workflow, and responds with the state of the gate. The fingerprint of the request includes
 * the caller's name. If another person repeats the request with the same Idempotency-Key, it therefore counts as a different request.
 * Otherwise one person's approval could be returned as another's.
 */
export async function recordDecision(
  { db, workflows }: ApiDeps,
  call: DecisionCall,
  decision: DecisionInput,
): Promise<Response> {
  const { tenant, bundle, version } = call.params;
  const { name, roles } = callerOf(call);
  const identity = requestIdentity(call, call.headers['idempotency-key'], {
    call: 'say',
    bundle,
    version,
    by: name,
    ...decision,
  });
  const id = { tenant, bundle, version };
  const answer = await workflows(id, call.ids).decide({ ...decision, ...identity, roles: [...roles] });
  if (answer.kind !== 'recorded') throw await decisionRefusal(db, id, answer, decision);
  const { gate, state, decisions, needed, replayed } = answer;
  return jsonResponse({ gate, state, decisions, needed, replayed }, 201, replayedHeader(replayed));
}
