import type { Ingress } from '@restatedev/restate-sdk-clients';

import { type ReleaseId, releaseKey } from '../../../core/identifiers.ts';
import {
  type CallbackResult,
  type CallbackRequest,
  Release,
  type DecisionResult,
  type DecisionRequest,
} from '../../../handlers/contract/release.ts';
import { callOptions, orUnavailable } from '../ingress.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** A release's workflow, as this process calls it: what people and machines say to it while it waits. */
export interface ReleaseWorkflow {
  decide(request: DecisionRequest): Promise<DecisionResult>;
  answer(request: CallbackRequest): Promise<CallbackResult>;
}

/** Gives the workflow of a release, on behalf of one request. One that never ran hears as well: the record knows what is there. */
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
