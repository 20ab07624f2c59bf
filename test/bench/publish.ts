import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { HttpCallError } from '@restatedev/restate-sdk-clients';

import { releaseKey } from '../../packages/protocol/identifiers.ts';
import { Release } from '../../handlers/contract/release.ts';
import { accepted, type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { FloorRelease, FloorTenant } from './floor-services.ts';
import { type BenchRow, drive, latencies, Series } from './measure.ts';

const ROUNDS = 5;

/**
 * A small bundle whose content is different for each index, so that no publish can reuse the artifact of another one.
 */
function smallBundle(index: number): Record<string, string> {
  return { 'agent.yaml': `name: support\ntemperature: 0.2\nrevision: ${index}\n`, 'prompt.md': 'Be kind.\n' };
}

let made = 0;

// A type instead of an interface, because the Restate client requires an index signature, which interfaces do not
// have.
type Attachable = { run: (context: unknown, input: unknown) => Promise<{ outcome: string }> };

/**
 * Waits for the result of the workflow. The response of the Tenant object can arrive before Restate has started the
 * workflow on another partition. Attaching to the workflow then returns 404, and is tried again.
 */
async function ended(plane: ControlPlane, name: string, key: string): Promise<{ outcome: string }> {
  const workflow = plane.ingress.workflowClient<Attachable>({ name }, key);
  for (;;) {
    try {
      return await workflow.workflowAttach();
    } catch (error) {
      if (!(error instanceof HttpCallError) || error.status !== 404) throw error;
    }
  }
}

/**
 * Publishes one small bundle and waits until its release has settled.
 * @returns the time from the admission to the result, in milliseconds
 */
export async function ourPublish(plane: ControlPlane, tenant: string): Promise<number> {
  const version = await accepted(plane, tenant, { files: smallBundle(made++) });
  const began = performance.now();
  const key = releaseKey({ tenant, bundle: 'bundle', version });
  const verdict = await ended(plane, Release.name, key);
  if (verdict.outcome !== 'published') throw new Error(`${key} was not published`);
  return performance.now() - began;
}

async function floorPublish(plane: ControlPlane, tenant: string): Promise<number> {
  const { version } = await plane.ingress.client(FloorTenant, tenant).publish({ bundle: 'bundle' });
  const began = performance.now();
  const key = releaseKey({ tenant, bundle: 'bundle', version });
  await ended(plane, FloorRelease.name, key);
  return performance.now() - began;
}

/**
 * Measures the time from the admission of a publish until its release has settled, which is when it is live. Our
 * publish and the floor take turns: first with one client, then with 64 clients on 64 tenants.
 */
export async function benchPublish(plane: ControlPlane): Promise<BenchRow[]> {
  const floor = fork(fileURLToPath(new URL('./floor-worker.ts', import.meta.url)), [plane.restate.adminUrl]);
  await once(floor, 'message');
  try {
    const tenants = await Promise.all(Array.from({ length: 64 }, () => newTenant(plane)));
    const pick = (index: number): string => tenants[index % tenants.length] ?? '';
    const ours = { one: new Series(), many: new Series() };
    const bare = { one: new Series(), many: new Series() };
    const warmUp = { one: new Series(), many: new Series() };
    for (let round = 0; round <= ROUNDS; round++) {
      const [mine, theirs] = round === 0 ? [warmUp, warmUp] : [ours, bare];
      await drive(theirs.one, { count: 60, clients: 1 }, (i) => floorPublish(plane, pick(i)));
      await drive(mine.one, { count: 60, clients: 1 }, (i) => ourPublish(plane, pick(i)));
      await drive(theirs.many, { count: 640, clients: 64 }, (_i, own) => floorPublish(plane, pick(own)));
      await drive(mine.many, { count: 640, clients: 64 }, (_i, own) => ourPublish(plane, pick(own)));
    }
    return [
      {
        name: 'publish accepted → settled, one client',
        measured: latencies(ours.one),
        floor: latencies(bare.one),
        ratio: ours.one.percentile(50) / bare.one.percentile(50),
        aim: 'at most 1.5 × the floor’s median',
      },
      {
        name: 'publishes a second, 64 clients on 64 tenants',
        measured: `${ours.many.perSecond.toFixed(0)}/s, ${latencies(ours.many)}`,
        floor: `${bare.many.perSecond.toFixed(0)}/s, ${latencies(bare.many)}`,
        ratio: ours.many.perSecond / bare.many.perSecond,
        aim: 'at least 0.55 × the floor’s',
      },
    ];
  } finally {
    floor.disconnect();
    await once(floor, 'exit');
  }
}

/** Measures the latency of one client's publishes with more tenants, and with a longer history of the bundle. */
export async function benchScale(plane: ControlPlane): Promise<BenchRow[]> {
  const measure = async (pick: (index: number) => string): Promise<Series> => {
    const series = new Series();
    await drive(series, { count: 150, clients: 1 }, (index) => ourPublish(plane, pick(index)));
    return series;
  };
  const tenants = await publishedOnce(plane, 10);
  const fewTenants = await measure((index) => tenants[index % 10] ?? '');
  tenants.push(...(await publishedOnce(plane, 9_990)));
  const manyTenants = await measure((index) => tenants[(index * 7_919) % tenants.length] ?? '');

  const young = await newTenant(plane);
  await history(plane, young, 10);
  const shortHistory = await measure(() => young);
  await history(plane, young, 1_000 - 160);
  const longHistory = await measure(() => young);
  const row = (name: string, from: Series, to: Series): BenchRow => ({
    name,
    measured: latencies(to),
    floor: latencies(from),
    ratio: to.percentile(50) / from.percentile(50),
    aim: 'at most 1.2 ×',
  });
  return [
    row('10,000 tenants beside 10', fewTenants, manyTenants),
    row('1,000 releases of one bundle beside 10', shortHistory, longHistory),
  ];
}

async function publishedOnce(plane: ControlPlane, count: number): Promise<string[]> {
  const tenants: string[] = [];
  await drive(new Series(), { count, clients: 32 }, async () => {
    const tenant = await newTenant(plane);
    tenants.push(tenant);
    return ourPublish(plane, tenant);
  });
  return tenants;
}

async function history(plane: ControlPlane, tenant: string, releases: number): Promise<void> {
  await drive(new Series(), { count: releases, clients: 1 }, () => ourPublish(plane, tenant));
}
