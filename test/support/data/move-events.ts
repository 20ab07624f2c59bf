import { digestOf } from '../../../packages/protocol/digest.ts';
import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { partitionOf } from '../../../packages/protocol/sinks/sink.ts';

/**
 * Creates the move with that number. The tenant moves only one pointer, so the generation equals the number of the
 * move.
 */
export function nthMove(
  tenant: string,
  seq: number,
  pointer: { bundle?: string; generation?: number } = {},
): MoveEvent {
  const { bundle = 'support-bot', generation = seq } = pointer;
  const end = (version: number) => ({ version, digest: digestOf(`${tenant} ${version}`) });
  return moveEvent({
    tenant,
    bundle,
    channel: 'live',
    generation,
    seq,
    from: generation === 1 ? null : end(generation - 1),
    to: end(generation),
    movedAt: '2026-01-02T03:04:05.678Z',
  });
}

export function moves(tenant: string, from: number, to: number): MoveEvent[] {
  return Array.from({ length: to - from + 1 }, (_none, index) => nthMove(tenant, from + index));
}

/** Finds names of `count` tenants that share one stream. */
export function neighbours(count: number, partition = partitionOf('acme')): string[] {
  const found: string[] = [];
  for (let n = 0; found.length < count; n++) if (partitionOf(`t${n}`) === partition) found.push(`t${n}`);
  return found;
}
