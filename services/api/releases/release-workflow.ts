import type { Ingress } from '@restatedev/restate-sdk-clients';

import { type ReleaseId, releaseKey } from '../../../core/identifiers.ts';
import {
  type CallbackAnswer,
  type CallbackRequest,
  Release,
  type VerdictAnswer,
  type VerdictRequest,
} from '../../../handlers/contract/release.ts';
import { callOptions, orUnavailable } from '../ingress.ts';
import type { RequestIds } from '../requests/request-ids.ts';

/** A release's workflow, as this process calls it: what people and machines say to it while it waits. */
export interface ReleaseWorkflow {
  decide(request: VerdictRequest): Promise<VerdictAnswer>;
  answer(request: CallbackRequest): Promise<CallbackAnswer>;
}

/** Gives the workflow of a release, on behalf of one request. One that never ran hears as well: the record knows what is there. */
export type ReleaseWorkflows = (id: ReleaseId, ids: RequestIds) => ReleaseWorkflow;

/** Calls throw as {@link orUnavailable} does. */
export function releaseWorkflows(ingress: Ingress): ReleaseWorkflows {
  return (id, ids) => {
    const workflow = ingress.client(Release, releaseKey(id));
    return {
      decide: (request) => orUnavailable(workflow.decide(request, callOptions(ids))),
      answer: (request) => orUnavailable(workflow.answer(request, callOptions(ids))),
    };
  };
}
