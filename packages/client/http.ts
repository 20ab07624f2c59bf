export { apiClient, type ApiClient, type Call, type ClientOptions, type Connection } from './http/client.ts';
export { eventStream, type StreamEvent } from './http/event-stream.ts';
export {
  ClientError,
  InvalidResponseError,
  ProblemError,
  UnreachableError,
  type UnreachableReason,
} from './http/failures.ts';
export { firstRows, listRows, type FirstRows } from './http/pages.ts';
export type { Problem } from './http/problem.ts';
export {
  AcceptedRelease,
  ChannelView,
  DecisionView,
  DryRun,
  GateView,
  MoveView,
  PointerView,
  ReleaseView,
  RollbackView,
  StageView,
} from './http/resources.ts';
export { publish, settledRelease, type PublishOptions, type SourceFiles } from './http/publish.ts';
export { followRelease } from './http/follow-release.ts';
export { headerOf, type ApiResponse } from './http/response.ts';
