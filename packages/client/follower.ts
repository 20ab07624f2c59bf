export type { Bundle } from './follower/cache/bundle.ts';
export { FollowFailure, type FailureKind } from './follower/failure.ts';
export { openFollower, type Follower, type FollowerOptions } from './follower/follower.ts';
export type { MoveHints } from './follower/hints/move-hints.ts';
export type { Concern, FollowerLog, FollowerStatus, Ignored } from './follower/status.ts';
