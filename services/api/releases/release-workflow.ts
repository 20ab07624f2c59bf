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

/** The client for the Restate workflow of a release. It sends decisions on gates, and reports of external checkers and compilers. */
export interface ReleaseWorkflow {
  decide(request: DecisionRequest): Promise<DecisionResult>;
  report(request: CallbackRequest): Promise<CallbackResult>;
}

/**
 * Returns the client for the workflow of a release, for use in one request. It also works if the workflow never ran, because the workflow's
 * handlers read the state from the database.
 */
export type ReleaseWorkflows = (id: ReleaseId, ids: RequestIds) => ReleaseWorkflow;

/** Creates the clients. Their calls throw in the same cases as {@link orUnavailable}. */
export function releaseWorkflows(ingress: Ingress): ReleaseWorkflows {
  return (id, ids) => {
    const workflow = ingress.client(Release, releaseKey(id));
    return {
      decide: (request) => orUnavailable(workflow.recordDecision(request, callOptions(ids))),
      report: (request) => orUnavailable(workflow.recordCallback(request, callOptions(ids))),
    };
  };
}
