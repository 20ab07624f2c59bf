import { z } from 'zod';

import * as hooks from '@pointsman/protocol/hooks/hook-view';
import { FeedCursorText } from '@pointsman/protocol/moves/feed-cursor';
import * as feeds from '@pointsman/protocol/moves/feed-view';
import * as followers from '@pointsman/protocol/moves/follower-view';
import * as pointers from '@pointsman/protocol/moves/pointer-view';
import * as gates from '@pointsman/protocol/releases/gate-view';
import * as publishes from '@pointsman/protocol/releases/publish-view';
import * as releases from '@pointsman/protocol/releases/release-view';
import * as sinks from '@pointsman/protocol/sinks/sink-view';
import * as policies from '@pointsman/protocol/tenants/policy-view';
import * as quotas from '@pointsman/protocol/tenants/quota-view';
import { Quota } from '@pointsman/protocol/quota';
import * as tenants from '@pointsman/protocol/tenants/tenant-view';
import * as tokens from '@pointsman/protocol/tenants/token-view';
import { lenient } from './lenient.ts';

/** The schemas of the API's responses, as a client parses them. */

export const StageView = lenient(releases.StageView);
export type StageView = z.infer<typeof StageView>;

export const StageEvent = lenient(releases.StageEvent);

export const GateView = lenient(gates.GateView);
export type GateView = z.infer<typeof GateView>;

export const DecisionView = lenient(gates.DecisionView);
export type DecisionView = z.infer<typeof DecisionView>;

export const ReleaseView = lenient(releases.ReleaseView);
export type ReleaseView = z.infer<typeof ReleaseView>;

export const AcceptedRelease = lenient(publishes.AcceptedRelease);
export type AcceptedRelease = z.infer<typeof AcceptedRelease>;

export const DryRun = lenient(publishes.DryRun);

export const PointerView = lenient(pointers.PointerView);
export type PointerView = z.infer<typeof PointerView>;

export const ChannelView = lenient(pointers.ChannelView);

export const MoveView = lenient(pointers.MoveView);

export const RollbackView = lenient(pointers.RollbackView);
export type RollbackView = z.infer<typeof RollbackView>;

export const FollowerView = lenient(followers.FollowerView);
export type FollowerView = z.infer<typeof FollowerView>;

export const SinkView = lenient(sinks.SinkView);
export type SinkView = z.infer<typeof SinkView>;

export const SinkSet = lenient(sinks.SinkSet);

export const AttemptView = lenient(sinks.AttemptView);
export type AttemptView = z.infer<typeof AttemptView>;

export const SentView = lenient(sinks.SentView);

export const HookView = lenient(hooks.HookView);
export type HookView = z.infer<typeof HookView>;

export const DeliveryView = lenient(hooks.DeliveryView);
export type DeliveryView = z.infer<typeof DeliveryView>;

/** One page of a tenant's feed of moves. The cursor of the next page is parsed. */
export const FeedPage = lenient(feeds.FeedView.extend({ next: FeedCursorText }));
export type FeedPage = z.infer<typeof FeedPage>;

export const TenantView = lenient(tenants.TenantView);

// Roles are plain strings here, because a newer API may have further roles.
const roles = z.array(z.string());
export const TokenView = lenient(tokens.TokenView.extend({ roles }));
export type TokenView = z.infer<typeof TokenView>;

export const TokenMade = lenient(tokens.TokenMade.extend({ roles }));
export type TokenMade = z.infer<typeof TokenMade>;

export const PolicyVersionView = lenient(policies.PolicyVersionView);

// The names of quotas are plain strings here, because a newer API may have further quotas.
const items = z.array(Quota.extend({ quota: z.string() }));
export const Quotas = lenient(quotas.Quotas.extend({ items }));
export type Quotas = z.infer<typeof Quotas>;
