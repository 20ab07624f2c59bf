import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { breakerLimits, outboundLimits } from '../../../services/outbound/limits.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { get, outside } from '../../support/data/outbound.ts';

const ofGlobex = { correlationId: 'globex:support-bot:v3' };

describe('the circuit breaker of a provider', () => {
  test('opens after consecutive failures, allows one call after a delay, and closes when that call succeeds', async () => {
    await using world = outside();
    const clock = { ms: 0 };
    let status = 500;
    const server = await world.server((_request, response) => void response.writeHead(status).end());
    const outbound = world.open({ monotonicMs: () => clock.ms });
    const call = () => outbound.call(get(server.origin));

    for (let failure = 0; failure < breakerLimits.failures; failure++) await call();
    expect(await call()).toEqual({
      kind: 'later',
      status: null,
      retryAfterMs: breakerLimits.openMs,
      summary: `127.0.0.1:${server.port}: not called, because its recent calls failed`,
    });
    expect(server.arrived).toHaveLength(breakerLimits.failures);

    clock.ms += breakerLimits.openMs;
    await call();
    expect(server.arrived).toHaveLength(breakerLimits.failures + 1);
    expect(await call()).toMatchObject({ kind: 'later', retryAfterMs: breakerLimits.openMs });

    status = 200;
    clock.ms += breakerLimits.openMs;
    expect((await call()).kind).toBe('answered');
    expect((await call()).kind).toBe('answered');
  });

  test('delays other calls while its trial call is in progress', async () => {
    await using world = outside();
    const clock = { ms: 0 };
    const held: ServerResponse[] = [];
    const server = await world.server(({ path }, response) => {
      if (path === '/probe') held.push(response);
      else response.writeHead(503).end();
    });
    const outbound = world.open({ monotonicMs: () => clock.ms });
    for (let failure = 0; failure < breakerLimits.failures; failure++)
      await outbound.call(get(server.origin));
    clock.ms += breakerLimits.openMs;
    const probe = outbound.call(get(`${server.origin}/probe`));
    await eventually(async () => held.length === 1, { what: 'the probe has arrived' });
    expect(await outbound.call(get(server.origin))).toMatchObject({ kind: 'later', retryAfterMs: null });
    held[0]?.end();
    expect((await probe).kind).toBe('answered');
    expect(server.arrived).toHaveLength(breakerLimits.failures + 1);
  });

  test('belongs to one tenant: its failures do not stop the calls of other tenants', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      response.writeHead(path === '/failing' ? 500 : 200).end();
    });
    const outbound = world.open();
    for (let failure = 0; failure < breakerLimits.failures; failure++) {
      await outbound.call(get(`${server.origin}/failing`));
    }
    expect((await outbound.call(get(server.origin))).kind).toBe('later');
    expect((await outbound.call(get(server.origin, ofGlobex))).kind).toBe('answered');
  });

  test.each([400, 401, 404, 429])('does not count a %i response as a failure', async (status) => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.writeHead(status).end());
    const outbound = world.open();
    for (let call = 0; call < breakerLimits.failures * 2; call++) await outbound.call(get(server.origin));
    expect(server.arrived).toHaveLength(breakerLimits.failures * 2);
  });

  test('counts timeouts and refused connections as failures', async () => {
    await using world = outside();
    const hanging = await world.server(() => {});
    const gone = await world.server(() => {});
    await gone.close();
    const outbound = world.open({ monotonicMs: () => 0 });
    for (const { origin } of [hanging, gone]) {
      for (let failure = 0; failure < breakerLimits.failures; failure++) {
        await outbound.call(get(origin, { timeoutMs: 100 }));
      }
      expect(await outbound.call(get(origin))).toMatchObject({
        kind: 'later',
        retryAfterMs: breakerLimits.openMs,
      });
    }
  });

  test('applies to a call that is redirected to that provider', async () => {
    await using world = outside();
    const failing = await world.server((_request, response) => void response.writeHead(500).end());
    const first = await world.server((_request, response) => {
      response.writeHead(307, { location: failing.origin }).end();
    });
    const outbound = world.open({ monotonicMs: () => 0 });
    for (let call = 0; call < breakerLimits.failures + 3; call++) await outbound.call(get(first.origin));
    expect(failing.arrived).toHaveLength(breakerLimits.failures);
    expect(first.arrived).toHaveLength(breakerLimits.failures + 3);
  });
});

describe('concurrent outgoing calls', () => {
  test('have a limit for each tenant, so that hanging servers of one tenant do not stop the calls of others', async () => {
    await using world = outside();
    const held: ServerResponse[] = [];
    const server = await world.server(({ path }, response) => {
      if (path === '/hang') held.push(response);
      else response.end();
    });
    const outbound = world.open();
    const hanging = Array.from({ length: outboundLimits.inFlightPerTenant }, () =>
      outbound.call(get(`${server.origin}/hang`)),
    );
    await eventually(async () => held.length === hanging.length, { what: 'all of them hang' });
    expect((await outbound.call(get(server.origin))).kind).toBe('later');
    expect((await outbound.call(get(server.origin, ofGlobex))).kind).toBe('answered');
    for (const response of held) response.end();
    for (const answer of await Promise.all(hanging)) expect(answer.kind).toBe('answered');
    expect((await outbound.call(get(server.origin))).kind).toBe('answered');
  });
});

describe('closing the outbound client', () => {
  test('waits for the calls in flight and refuses new ones', async () => {
    await using world = outside();
    const held: ServerResponse[] = [];
    const server = await world.server((_request, response) => void held.push(response));
    const outbound = world.open();
    const call = outbound.call(get(server.origin));
    await eventually(async () => held.length === 1, { what: 'the call has arrived' });
    const closed = outbound.close();
    expect((await outbound.call(get(server.origin))).kind).toBe('later');
    held[0]?.end('done');
    expect((await call).kind).toBe('answered');
    await closed;
    await outbound.close();
    expect(server.arrived).toHaveLength(1);
  });

  test('aborts a hanging call with the result "later", because the server may have handled it', async () => {
    await using world = outside();
    const server = await world.server(() => {});
    const outbound = world.open();
    const call = outbound.call(get(server.origin));
    await eventually(async () => server.arrived.length === 1, { what: 'the call has arrived' });
    await outbound.close();
    expect((await call).kind).toBe('later');
  });
});
