import { isBroker, sinkKey } from '../../../core/sink.ts';
import type { Sinks } from '../../../handlers/ports/sinks.ts';
import { listStreamBehind, steerSink } from '../../postgres/sinks/sink-deliveries.ts';
import { brokerProbes } from './broker-probes.ts';
import { deliverMoves } from './deliver-moves.ts';
import { proveSinks, sendOne } from './check-sink.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { SinkDeps } from './send-through.ts';

/** Sinks, joined to the record and to where the events go. */
export function sinksOf(parts: SinkDeps): Sinks {
  const inTurn = oneAtATime();
  const probes = brokerProbes(parts);
  return {
    deliver: (request) => inTurn(sinkKey(request), () => deliverMoves(parts, request)),
    send: (request) => inTurn(sinkKey(request), () => sendOne(parts, request)),
    steer: (request) => steerSink(parts.db, request),
    behind: async ({ tenant, sink }) => (isBroker(sink) ? listStreamBehind(parts.db, tenant, sink) : []),
    prove: (tenant, sinks) => proveSinks(parts, probes, tenant, sinks),
    probe: probes,
  };
}
