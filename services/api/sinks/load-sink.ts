import { type Broker, isBroker } from '@pointsman/protocol/sinks/sink';
import type { SinkView } from '@pointsman/protocol/sinks/sink-view';
import { findBrokerHealth, findFeedEnd, findSink, listSinks } from '../../postgres/sinks/sinks.ts';
import { missingError, notFound } from '../responses/not-found.ts';
import type { ApiDeps } from '../dependencies.ts';
import { viewSink, viewUntouched } from './sink-view.ts';

type Parts = Pick<ApiDeps, 'db' | 'secrets' | 'brokers'>;

/**
 * Loads all sinks of a tenant, sorted by name, including the platform's sinks. Throws `not_found` unless the tenant
 * exists.
 */
export async function loadSinks({ db, secrets, brokers }: Parts, tenant: string): Promise<SinkView[]> {
  const records = await listSinks(db, tenant);
  const latest = await feedEnd(db, tenant);
  const untouched = brokers.filter((broker) => records.every(({ sink }) => sink !== broker));
  return [
    ...records.map((record) => viewSink(tenant, latest, record, secrets)),
    ...(await Promise.all(untouched.map((broker) => untouchedBroker(db, tenant, latest, broker)))),
  ].toSorted((a, b) => (a.sink < b.sink ? -1 : 1));
}

/** Loads one sink of a tenant. Throws `not_found` unless the sink exists. */
export async function loadSink(parts: Parts, tenant: string, sink: string): Promise<SinkView> {
  const { db, secrets, brokers } = parts;
  const record = await findSink(db, tenant, sink);
  if (record !== null) return viewSink(tenant, await feedEnd(db, tenant), record, secrets);
  if (isBroker(sink) && brokers.includes(sink))
    return untouchedBroker(db, tenant, await feedEnd(db, tenant), sink);
  throw await noSink(parts, tenant, sink);
}

async function untouchedBroker(
  db: Parts['db'],
  tenant: string,
  latest: number,
  broker: Broker,
): Promise<SinkView> {
  return viewUntouched(tenant, latest, broker, await findBrokerHealth(db, tenant, broker));
}

export async function noSink({ db }: Pick<Parts, 'db'>, tenant: string, sink: string): Promise<Error> {
  return missingError(db, { tenant }, `sink "${sink}"`);
}

async function feedEnd(db: Parts['db'], tenant: string): Promise<number> {
  const latest = await findFeedEnd(db, tenant);
  if (latest === null) throw notFound(`The tenant "${tenant}" does not exist.`);
  return latest;
}
