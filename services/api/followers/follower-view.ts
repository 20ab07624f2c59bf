import type { FollowerView } from '@pointsman/protocol/moves/follower-view';
import type { FollowerRecord } from '../../postgres/channels/followers.ts';

export function viewFollower({ recent, behindBy, ...shown }: FollowerRecord): FollowerView {
  const state = behindBy === 0 ? 'current' : 'behind';
  return { ...shown, state: recent ? state : 'lost', behindBy };
}
