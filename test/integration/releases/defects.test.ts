import {
  createEndpointHandler,
  object,
  type ObjectContext,
  workflow,
  type WorkflowContext,
} from '@restatedev/restate-sdk';
import { connect, type Ingress } from '@restatedev/restate-sdk-clients';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { objectOptions, workflowOptions } from '../../../handlers/durable/options.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';
import { type Endpoint, serveEndpoint } from '../../../services/worker/http2-endpoint.ts';
import { startRestate, type TestRestate } from '../../support/servers/servers.ts';

// Handlers that contain defects. They are served with the options of the product's handlers.

let restate: TestRestate;
let endpoint: Endpoint;
let ingress: Ingress;

/** By key: how often the handler was executed up to its defect. */
const attempts = new Map<string, number>();
function begun(key: string): number {
  const attempt = (attempts.get(key) ?? 0) + 1;
  attempts.set(key, attempt);
  return attempt;
}

function fail(how: string): never {
  if (how === 'TypeError') (JSON.parse('null') as { queue: string[] }).queue.push('x');
  if (how === 'RangeError') 'x'.repeat(-1);
  if (how === 'ReferenceError') throw new ReferenceError('x is not defined');
  throw new Error('the connection was lost');
}

const Faulty = object({
  name: 'Faulty',
  handlers: {
    fail: async (ctx: ObjectContext, how: string): Promise<string> => {
      await ctx.run('a step', () => null);
      return begun(ctx.key) > 3 ? 'got through' : fail(how);
    },
    failInStep: async (ctx: ObjectContext, how: string): Promise<string> => {
      await ctx.run('a step', () => (begun(ctx.key) > 3 ? null : fail(how)), { initialRetryInterval: 10 });
      return 'got through';
    },
    suspend: async (ctx: ObjectContext): Promise<string> => {
      begun(ctx.key);
      await ctx.sleep(2_500);
      return 'got through';
    },
  },
  options: { ...objectOptions, inactivityTimeout: 200 },
});

const FaultyFlow = workflow({
  name: 'FaultyFlow',
  handlers: {
    run: async (ctx: WorkflowContext, how: string): Promise<string> =>
      begun(ctx.key) > 3 ? 'got through' : fail(how),
  },
  options: workflowOptions,
});

beforeAll(async () => {
  restate = await startRestate();
  endpoint = await serveEndpoint(createEndpointHandler({ services: [Faulty, FaultyFlow] }), '127.0.0.1', 0);
  await new RestateAdmin(restate.adminUrl).registerDeployment(`http://127.0.0.1:${endpoint.port}`);
  ingress = connect({ url: restate.ingressUrl });
});
afterAll(async () => {
  await restate.stop();
  await endpoint.close();
});

const faulty = (key: string) => ingress.objectClient<typeof Faulty>({ name: 'Faulty' }, key);

test.each(['TypeError', 'RangeError', 'ReferenceError'])(
  'a %s in a handler of a Restate object ends the call at its first attempt, and does not block the object',
  async (how) => {
    await expect(faulty(how).fail(how)).rejects.toMatchObject({ status: 501 });
    expect(attempts.get(how)).toBe(1);
    attempts.set(how, 3);
    expect(await faulty(how).fail(how)).toBe('got through');
  },
);

test('a defect in a Restate workflow ends the workflow at its first attempt, so that the sweep can settle its release', async () => {
  const flow = ingress.workflowClient<typeof FaultyFlow>({ name: 'FaultyFlow' }, 'flow');
  await flow.workflowSubmit('TypeError');
  await expect(flow.workflowAttach()).rejects.toMatchObject({ status: 501 });
  expect(attempts.get('flow')).toBe(1);
});

test('an error that is not a defect is retried when a handler throws it', async () => {
  expect(await faulty('other').fail('Error')).toBe('got through');
  expect(attempts.get('other')).toBeGreaterThan(3);
});

test('an error inside a step of a handler is retried by the step, even a TypeError, which may be a failed connection', async () => {
  expect(await faulty('step').failInStep('TypeError')).toBe('got through');
});

test('a suspended handler resumes where it was', async () => {
  expect(await faulty('sleeper').suspend()).toBe('got through');
  expect(attempts.get('sleeper')).toBeGreaterThan(1);
});
