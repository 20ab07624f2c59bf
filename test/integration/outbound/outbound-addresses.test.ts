import { describe, expect, test } from 'vitest';
import { get, outside, post, range } from '../../support/data/outbound.ts';

/** A name that only the test's resolver can resolve. */
const NAME = 'ci.pointsman.invalid';

describe('an address that is not public', () => {
  test('gets no connection unless the operator has allowed its range', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end());
    const closed = world.open({ allow: [] });
    for (const host of [
      '127.0.0.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '[::ffff:127.0.0.1]',
      'localhost',
    ]) {
      expect([host, (await closed.call(get(`http://${host}:${server.port}/`))).kind]).toEqual([
        host,
        'forbidden',
      ]);
    }
    expect(server.connections()).toBe(0);
    expect((await world.open().call(get(server.origin))).kind).toBe('answered');
  });

  test.each([
    'http://0.0.0.0/',
    'http://10.0.0.1/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[fd00:ec2::254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'https://192.168.1.1/',
    'http://127.0.0.2/',
  ])('in the URL %s is reported as forbidden, and the summary does not contain the address', async (url) => {
    await using world = outside();
    const { host } = new URL(url);
    expect(await world.open().call(get(url))).toEqual({
      kind: 'forbidden',
      summary: `${host}: calls to its address are not allowed`,
    });
  });

  test('to which a host name resolves is not called, and only the log contains the address', async () => {
    await using world = outside();
    const answer = await world.open({ resolveName: async () => ['10.1.2.3'] }).call(get(`http://${NAME}/`));
    expect(answer).toEqual({ kind: 'forbidden', summary: `${NAME}: calls to its address are not allowed` });
    expect(world.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        msg: 'outgoing call forbidden',
        cause: '10.1.2.3',
        correlationId: 'acme:support-bot:v12',
      }),
    ]);
  });

  test.each([[['127.0.0.1', '10.0.0.1']], [['10.0.0.1', '127.0.0.1']], [['127.0.0.1', '::1']]])(
    'makes a host name forbidden if it is one of the addresses of that name: %j',
    async (addresses) => {
      await using world = outside();
      const server = await world.server((_request, response) => void response.end());
      const outbound = world.open({ resolveName: async () => addresses });
      expect((await outbound.call(get(`http://${NAME}:${server.port}/`))).kind).toBe('forbidden');
      expect(server.connections()).toBe(0);
    },
  );
});

describe('a host name', () => {
  test('is resolved once for each connection, which goes only to the address that was checked', async () => {
    await using world = outside();
    const server = await world.server(({ headers }, response) => void response.end(headers['host']));
    const asked: string[] = [];
    const outbound = world.open({
      // The first lookup returns an allowed address, and a second one would return a private address. The client must
      // not look up the name again.
      resolveName: async (name) => (asked.push(name) === 1 ? ['127.0.0.1'] : ['10.0.0.1']),
    });
    const answer = await outbound.call(get(`http://${NAME}:${server.port}/`));
    expect(answer.kind === 'answered' && answer.body.toString()).toBe(`${NAME}:${server.port}`);
    expect(asked).toEqual([NAME]);
  });

  test('is forbidden for the next connection if it then resolves to a private address', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end();
    });
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    const outbound = world.open({ resolveName: async () => answers.shift() ?? [] });
    const url = `http://${NAME}:${server.port}/`;
    expect([(await outbound.call(get(url))).kind, (await outbound.call(get(url))).kind]).toEqual([
      'answered',
      'forbidden',
    ]);
    expect(server.connections()).toBe(1);
  });

  test('whose first address does not respond is reached at the next one', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end());
    const outbound = world.open({
      allow: [range('127.0.0.0/8')],
      // No server listens at the first address, so the client must try the second one.
      resolveName: async () => ['127.0.0.3', '127.0.0.1'],
    });
    expect((await outbound.call(get(`http://${NAME}:${server.port}/`))).kind).toBe('answered');
  });
});

describe('a redirect', () => {
  test.each(['http://10.0.0.1/', 'http://127.0.0.2:1/', 'http://169.254.169.254/', 'http://[::1]/'])(
    'to %s is forbidden like a direct call',
    async (location) => {
      await using world = outside();
      const server = await world.server((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      expect(await world.open().call(get(server.origin))).toEqual({
        kind: 'forbidden',
        summary: `${new URL(location).host}: calls to its address are not allowed`,
      });
    },
  );

  test('to a host name with a private address is forbidden', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      response.writeHead(302, { location: `http://${NAME}/` }).end();
    });
    const outbound = world.open({ resolveName: async () => ['192.168.0.1'] });
    expect((await outbound.call(get(server.origin))).kind).toBe('forbidden');
  });

  test('is followed up to the limit of the call', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      const left = Number(path.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    const outbound = world.open();
    expect((await outbound.call(get(`${server.origin}/3`, { maxRedirects: 3 }))).kind).toBe('answered');
    for (const [hops, maxRedirects] of [
      [4, 3],
      [1, 0],
    ] as const) {
      const answer = await outbound.call(get(`${server.origin}/${hops}`, { maxRedirects }));
      expect(answer).toMatchObject({ kind: 'refused', status: 302 });
    }
  });

  test('to another origin keeps the request and drops its credentials', async () => {
    await using world = outside();
    const second = await world.server((_request, response) => void response.end('there'));
    const first = await world.server((_request, response) => {
      response.writeHead(307, { location: `${second.origin}/moved` }).end();
    });
    const headers = {
      authorization: 'Bearer secret',
      cookie: 'session=secret',
      'private-token': 'secret',
      'x-hub-signature-256': 'sha256=secret',
      'content-type': 'application/json',
    };
    expect((await world.open().call(post(`${first.origin}/run`, { headers }))).kind).toBe('answered');
    expect(first.arrived[0]?.headers).toMatchObject(headers);
    expect(second.arrived).toHaveLength(1);
    expect(second.arrived[0]).toMatchObject({
      method: 'POST',
      path: '/moved',
      body: '{"tenant":"acme"}',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'acme:support-bot:v12:e2e' },
    });
    expect(JSON.stringify(second.arrived[0]?.headers)).not.toContain('secret');
  });

  test('that would repeat a POST or drop its body is refused, and a 303 is followed with a GET', async () => {
    await using world = outside();
    const server = await world.server(({ method, path }, response) => {
      if (method === 'GET') response.end('result');
      else response.writeHead(Number(path.slice(1)), { location: '/result' }).end();
    });
    const outbound = world.open();
    expect(await outbound.call(post(`${server.origin}/302`))).toMatchObject({ kind: 'refused', status: 302 });
    expect((await outbound.call(post(`${server.origin}/303`))).kind).toBe('answered');
    expect(server.arrived.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', '/302', '{"tenant":"acme"}'],
      ['POST', '/303', '{"tenant":"acme"}'],
      ['GET', '/result', ''],
    ]);
  });
});
