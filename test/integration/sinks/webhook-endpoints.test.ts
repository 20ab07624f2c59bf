import type { ServerResponse } from 'node:http';

import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import type { Outbound } from '../../../services/outbound/contract.ts';
import { webhookDelivery } from '../../../services/webhooks/deliver.ts';
import { selfSignedCertificate } from '../../support/servers/certificate.ts';
import { get, outside } from '../../support/data/outbound.ts';

import { answers, move, moves, secret, send, status, taken } from '../../support/data/webhooks.ts';

describe('a webhook endpoint', () => {
  test.each([200, 201, 202, 204, 299])('that responds with %i has accepted the event', async (code) => {
    await using world = outside();
    const server = await world.server(answers(status(code)));
    expect(await send(world.open(), server.origin)).toMatchObject({ count: 1, stopped: null });
  });

  test.each([
    [
      'an endless body',
      (response: ServerResponse) => {
        response.writeHead(200);
        const more = (): void =>
          void response.write(Buffer.alloc(16_384), () => response.destroyed || more());
        more();
      },
    ],
    ['a huge Content-Length', status(200, { 'content-length': '1000000000000' })],
    ['an unrequested Content-Encoding', status(200, { 'content-encoding': 'br' })],
  ])(
    'that responds with 200 and %s has accepted the event, and its body is not read',
    async (_what, answer) => {
      await using world = outside();
      const server = await world.server(answers(answer));
      const sent = await send(world.open(), server.origin);
      expect(sent).toMatchObject({ count: 1, stopped: null });
      expect(sent.attempts).toMatchObject([
        { status: 200, summary: 'answered 200, with a body that was not read' },
      ]);
    },
  );

  test('that responds with 410 is reported as gone after one attempt', async () => {
    await using world = outside();
    const server = await world.server(answers(status(410)));
    const sent = await send(world.open(), server.origin, { events: moves(2) });
    const reason = `127.0.0.1:${server.port}: answered 410`;
    expect(sent).toMatchObject({ count: 0, stopped: { kind: 'gone', reason }, attempts: [{ status: 410 }] });
  });

  test.each([
    [429, '7', 7_000],
    [503, '120', 120_000],
    [503, undefined, null],
    [500, 'soon', null],
    [503, '999999', 3_600_000],
  ])(
    'that responds with %i and Retry-After %s is called again later, no sooner than a valid Retry-After of up to an hour',
    async (code, header, retryAfterMs) => {
      await using world = outside();
      const headers = header === undefined ? {} : { 'retry-after': header };
      const server = await world.server(answers(status(code, headers)));
      const sent = await send(world.open(), server.origin);
      expect(sent).toMatchObject({ count: 0, stopped: { kind: 'later', retryAfterMs } });
      expect(sent.attempts).toMatchObject([{ status: code, delivered: false }]);
    },
  );

  test.each([400, 401, 403, 404, 413, 422, 500, 502])(
    'that responds with %i is called again later',
    async (code) => {
      await using world = outside();
      const server = await world.server(answers(status(code)));
      const sent = await send(world.open(), server.origin);
      expect(sent.stopped).toMatchObject({
        kind: 'later',
        reason: `127.0.0.1:${server.port}: answered ${code}`,
      });
      expect(sent.attempts).toMatchObject([{ status: code }]);
    },
  );

  test.each([301, 302, 303, 307, 308])(
    'that redirects with %i is not followed, and the failure reason does not contain the target of the redirect',
    async (code) => {
      await using world = outside();
      const inner = await world.server(answers(taken));
      const server = await world.server(answers(status(code, { location: `${inner.origin}/` })));
      const elsewhere = await world.server(answers(status(code, { location: 'http://169.254.169.254/' })));
      const outbound = world.open();
      for (const { origin } of [server, elsewhere]) {
        const sent = await send(outbound, origin);
        expect(sent).toMatchObject({ count: 0, stopped: { kind: 'later' }, attempts: [{ status: code }] });
        expect(sent.stopped?.reason).toContain('a redirect that is not followed');
        expect(sent.stopped?.reason).not.toContain('169.254');
      }
      expect(inner.connections()).toBe(0);
    },
  );

  test('at an address that is not public gets no connection, and the failure reason does not contain the address', async () => {
    await using world = outside();
    const server = await world.server(answers(taken));
    const closed = world.open({ allow: [] });
    for (const host of ['127.0.0.1', 'localhost']) {
      const sent = await send(closed, `http://${host}:${server.port}/`);
      const reason = `${host}:${server.port}: calls to its address are not allowed`;
      expect(sent).toMatchObject({
        count: 0,
        stopped: { kind: 'later', reason },
        attempts: [{ status: null }],
      });
    }
    const behindName = world.open({ resolveName: async () => ['10.1.2.3'] });
    const { stopped } = await send(behindName, 'http://audit.pointsman.invalid/');
    expect(stopped?.reason).toBe('audit.pointsman.invalid: calls to its address are not allowed');
    expect(server.connections()).toBe(0);
  });

  test('with an invalid certificate gets no request', async () => {
    await using world = outside();
    const expired = selfSignedCertificate({ ipv4: ['127.0.0.1'], validTo: new Date(Date.now() - 1_000) });
    const unknown = selfSignedCertificate({ ipv4: ['127.0.0.1'] });
    const misnamed = selfSignedCertificate({ names: ['other.example'] });
    for (const [certificate, ca] of [
      [expired, expired.cert],
      [unknown, undefined],
      [misnamed, misnamed.cert],
    ] as const) {
      const server = await world.server(answers(taken), certificate);
      const sent = await send(world.open(ca === undefined ? {} : { ca }), server.origin);
      expect(sent).toMatchObject({ count: 0, stopped: { kind: 'later', retryAfterMs: null } });
      expect(sent.stopped?.reason).toContain('its certificate is not valid');
      expect(server.arrived).toEqual([]);
    }
  });

  test.each([
    ['hangs', () => {}],
    [
      'sends its response byte by byte',
      (response: ServerResponse) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('.'), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('that %s ends the call at its timeout, and is called again later', async (_what, answer) => {
    await using world = outside();
    const server = await world.server(answers(answer));
    const outbound = world.open();
    // Checks that the call has its full timeout, and then shortens it for this test.
    const hurried: Outbound = {
      ...outbound,
      call: (request) => {
        expect(request.timeoutMs).toBe(sinkLimits.callMs);
        return outbound.call({ ...request, timeoutMs: 300 });
      },
    };
    const sent = await send(hurried, server.origin);
    const reason = `127.0.0.1:${server.port}: no complete response in time`;
    expect(sent).toMatchObject({
      count: 0,
      stopped: { kind: 'later', reason },
      attempts: [{ status: null }],
    });
  });

  test('that refuses the connection or does not use HTTP is called again later', async () => {
    await using world = outside();
    const gone = await world.server(answers(taken));
    await gone.close();
    expect((await send(world.open(), gone.origin)).stopped).toMatchObject({
      kind: 'later',
      reason: `127.0.0.1:${gone.port}: it refused the connection`,
    });
    const server = await world.server((_request, response) => void response.socket?.end('what?\r\n\r\n'));
    expect((await send(world.open(), server.origin)).stopped).toMatchObject({ kind: 'later' });
  });

  test('that fails repeatedly opens its circuit breaker, and the failure reason names the breaker', async () => {
    await using world = outside();
    const server = await world.server(answers(status(500)));
    const outbound = world.open();
    let sent = await send(outbound, server.origin);
    for (let more = 0; more < 10; more++) sent = await send(outbound, server.origin);
    expect(sent.attempts).toMatchObject([{ status: null, delivered: false }]);
    expect(sent.stopped).toMatchObject({ kind: 'later', retryAfterMs: expect.any(Number) as number });
    expect(sent.stopped?.reason).toContain('not called, because its recent calls failed');
    expect(server.arrived.length).toBeLessThan(11);
  });

  test('appears in logs and in failure reasons with its host only', async () => {
    await using world = outside();
    const server = await world.server(answers(status(500), status(302, { location: '/other?key=hidden' })));
    const outbound = world.open();
    const logged: string[] = [];
    const delivery = webhookDelivery({
      outbound,
      log: pino({}, { write: (line: string) => void logged.push(line) }),
    });
    const endpoint = { sink: 'audit', url: `${server.origin}/in?key=hidden`, secrets: [secret] };
    for (let tries = 0; tries < 2; tries++) {
      const sent = await delivery.send({ tenant: 'acme', events: [move(1)] }, endpoint);
      expect(JSON.stringify(sent)).not.toMatch(/hidden|whsec/);
    }
    expect([...logged, ...world.lines].join('')).toContain('webhook not delivered');
    expect([...logged, ...world.lines].join('')).not.toMatch(/hidden|whsec/);
    expect((await outbound.call(get(server.origin))).kind).toBe('refused');
  });
});
