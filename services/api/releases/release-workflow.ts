import type { Ingress } from '@restatedev/restate-sdk-clients';

import { type ReleaseId, releaseKey } from '@pointsman/protocol/identifiers';
import {
  type CallbackResult,
  type CallbackRequest,
  Release,
  type DecisionResult,
  type DecisionRequest,
} from '../../../handlers/contract/release.ts';
import { callOptions, orUnavailable } from '../ingress.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** A release's workflow, as called by this process: decisions and reports for a waiting release. */
export interface ReleaseWorkflow {
  decide(request: DecisionRequest): Promise<DecisionResult>;
  answer(request: CallbackRequest): Promise<CallbackResult>;
}

/** Returns the workflow of a release, on behalf of one request. Works for a workflow that never ran: the record has the state. */
export type ReleaseWorkflows = (id: ReleaseId, ids: RequestIds) => ReleaseWorkflow;

/** Calls throw as {@link orUnavailable} does. */
export function releaseWorkflows(ingress: Ingress): ReleaseWorkflows {
  return (id, ids) => {
    const workflow = ingress.client(Release, releaseKey(id));
    return {
      decide: (request) => orUnavailable(workflow.recordDecision(request, callOptions(ids))),
      answer: (request) => orUnavailable(workflow.recordCallback(request, callOptions(ids))),
    };
  };
}
