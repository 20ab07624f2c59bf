import { z } from 'zod';

import { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { parseJson } from '@pointsman/protocol/json/parse-json';
import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import { SINK_TEST } from '@pointsman/protocol/moves/sink-event';
import { consumerLimits } from './limits.ts';

export type ReadMove =
  | { readonly kind: 'move'; readonly event: MoveEvent }
  /** A test event, with which an operator checks a sink. It has no effect. */
  | { readonly kind: 'test' }
  | { readonly kind: 'garbage'; readonly reason: string };

const Message = z.discriminatedUnion('type', [MoveEvent, z.object({ type: z.literal(SINK_TEST) })]);

/**
 * Parses the body of a message from the exchange. The message headers are not needed, because the body
 * contains the whole event.
 */
export function readMove(content: Buffer): ReadMove {
  if (content.length > consumerLimits.messageBytes) return { kind: 'garbage', reason: 'too long' };
  const json = parseJson(content.toString('utf8'));
  if (json.kind === 'not_json') return { kind: 'garbage', reason: 'not JSON' };
  const read = Message.safeParse(json.value);
  if (!read.success) return { kind: 'garbage', reason: describeIssues(read) };
  return read.data.type === SINK_TEST ? { kind: 'test' } : { kind: 'move', event: read.data };
}
