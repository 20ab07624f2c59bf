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

/** The client for a release's workflow. It sends decisions and reports to a waiting release. */
export interface ReleaseWorkflow {
  decide(request: DecisionRequest): Promise<DecisionResult>;
  report(request: CallbackRequest): Promise<CallbackResult>;
}

/**
 * Returns the client for the workflow of a release, for one request. It also works for a workflow that never ran,
 * because the database has the state.
 */
export type ReleaseWorkflows = (id: ReleaseId, ids: RequestIds) => ReleaseWorkflow;

/** The calls of the client throw like {@link orUnavailable}. */
export function releaseWorkflows(ingress: Ingress): ReleaseWorkflows {
  return (id, ids) => {
    const workflow = ingress.client(Release, releaseKey(id));
    return {
      decide: (request) => orUnavailable(workflow.recordDecision(request, callOptions(ids))),
      report: (request) => orUnavailable(workflow.recordCallback(request, callOptions(ids))),
    };
  };
}
