import { isBroker, sinkKey } from '@pointsman/protocol/sinks/sink';
import type { Sinks } from '../../../handlers/ports/sinks.ts';
import { listStreamBehind, controlSink } from '../../postgres/sinks/sink-deliveries.ts';
import { brokerProbes } from './broker-probes.ts';
import { deliverMoves } from './deliver-moves.ts';
import { checkSinks, sendOne } from './check-sink.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { SinkDeps } from './send-through.ts';

/** Creates the operations on sinks that the durable handlers use. */
export function sinksOf(deps: SinkDeps): Sinks {
  const inTurn = oneAtATime();
  const probes = brokerProbes(deps);
  return {
    deliver: (request) => inTurn(sinkKey(request), () => deliverMoves(deps, request)),
    send: (request) => inTurn(sinkKey(request), () => sendOne(deps, request)),
    control: (request) => controlSink(deps.db, request),
    listLagging: async ({ tenant, sink }) => (isBroker(sink) ? listStreamBehind(deps.db, tenant, sink) : []),
    checkHealth: (tenant, sinks) => checkSinks(deps, probes, tenant, sinks),
    probe: probes,
  };
}
