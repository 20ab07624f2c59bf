import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { CompileJob } from '../../../packages/protocol/callouts/compile-job.ts';
import { compile, door } from '../../../examples/hatchet/worker.ts';
import { type CapabilityServer, startCapabilityServer } from '../../support/data/capability.ts';
import { eventually } from '../../support/runs/eventually.ts';

// Tests can't run the Hatchet engine, so a simple queue replaces it. Everything else is the code of the example.
let capabilities: CapabilityServer;
let server: Server;
let url: string;
let enqueue: (job: CompileJob) => Promise<unknown>;

beforeAll(async () => {
  capabilities = await startCapabilityServer();
  server = door(capabilities.origin, (job) => enqueue(job));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await capabilities.stop();
});

const post = async (job: unknown): Promise<number> => {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(job) })).status;
};

test('an enqueued job is compiled, uploaded and reported', async () => {
  const offer = await capabilities.offer({ 'a.json': '{ "b": 1 }' });
  const outcomes: unknown[] = [];
  enqueue = async (job) => void compile(job).then((outcome) => outcomes.push(outcome));
  expect(await post(offer.job)).toBe(202);
  await eventually(() => Promise.resolve(outcomes.length === 1), { what: 'the task has ended' });
  expect(offer.report).toMatchObject({ status: 'compiled' });
});

test('a task that runs twice, as Hatchet may run it, reports once', async () => {
  const offer = await capabilities.offer({ 'a.json': '{ "b": 1 }' });
  await compile(offer.job);
  const [report, blobs] = [offer.report, offer.blobs.size];
  await compile(offer.job);
  expect([offer.report, offer.blobs.size]).toEqual([report, blobs]);
});

test('the Hatchet example responds with 503 while Hatchet accepts no tasks', async () => {
  enqueue = () => Promise.reject(new Error('no engine'));
  expect(await post((await capabilities.offer({ 'a.json': '1' })).job)).toBe(503);
});

test('a job whose addresses belong to another server is refused', async () => {
  const { job } = await capabilities.offer({ 'a.json': '1' });
  expect(await post({ ...job, upload: { url: 'http://127.0.0.1:1/v1/callbacks/x/blobs' } })).toBe(403);
  expect(await post({ nothing: true })).toBe(422);
});
