import { createServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/runs/eventually.ts';
import { get, outside, post } from '../../support/data/outbound.ts';

describe('an outgoing call', () => {
  test('returns the response, and sends its user agent, correlation id and idempotency key', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      response.writeHead(201, { 'x-build': '7' }).end('made');
    });
    const answer = await world.open().call(post(`${server.origin}/run?job=7`));
    expect(answer).toMatchObject({ kind: 'answered', status: 201, headers: { 'x-build': '7' } });
    expect(bodyOf(answer)).toBe('made');
    expect(server.arrived).toEqual([
      {
        method: 'POST',
        path: '/run?job=7',
        body: '{"tenant":"acme"}',
        atMs: expect.any(Number),
        headers: expect.objectContaining({
          'content-type': 'application/json',
          'idempotency-key': 'acme:support-bot:v12:e2e',
          'pointsman-correlation-id': 'acme:support-bot:v12',
          'user-agent': expect.stringMatching(/^pointsman\/\d/),
        }),
      },
    ]);
  });

  test.each([
    [200, 'answered'],
    [204, 'answered'],
    [300, 'refused'],
    [304, 'refused'],
    [400, 'refused'],
    [401, 'refused'],
    [404, 'refused'],
    [409, 'refused'],
    [408, 'later'],
    [425, 'later'],
    [429, 'later'],
    [500, 'later'],
    [502, 'later'],
    [503, 'later'],
    [504, 'later'],
  ])(
    'with the response status %i has the result "%s" and a summary with only the host and the status',
    async (status, kind) => {
      await using world = outside();
      const server = await world.server((_request, response) => void response.writeHead(status).end());
      const answer = await world.open().call(get(`${server.origin}/path-secret?query-secret`));
      expect(answer.kind).toBe(kind);
      if ('summary' in answer) expect(answer.summary).toBe(`127.0.0.1:${server.port}: answered ${status}`);
    },
  );

  test('returns the delay that the response asks for, up to an hour', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      response.writeHead(path === '/429' ? 429 : 503, { 'retry-after': path === '/429' ? '7' : '99999999' });
      response.end();
    });
    const outbound = world.open();
    expect(await outbound.call(get(`${server.origin}/429`))).toMatchObject({
      kind: 'later',
      retryAfterMs: 7_000,
    });
    expect(await outbound.call(get(`${server.origin}/503`))).toMatchObject({
      kind: 'later',
      retryAfterMs: 3_600_000,
    });
  });

  test('ends with the status of a 404 response without waiting for the body, even if the body is endless', async () => {
    await using world = outside();
    const server = await world.server(
      (_request, response) => void response.writeHead(404).write('and so on'),
    );
    expect(await world.open().call(get(server.origin))).toMatchObject({ kind: 'refused', status: 404 });
  });

  test('with a header that HTTP cannot carry is refused and not sent', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end());
    const headers = { 'x-note': 'one\r\nx-smuggled: two' };
    expect((await world.open().call(get(server.origin, { headers }))).kind).toBe('refused');
    expect(server.arrived).toEqual([]);
  });

  test('logs its correlation id, and no path, query, header or body', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      const to = path.startsWith('/path-secret-1')
        ? '/path-secret-2?query-secret'
        : 'http://10.0.0.1/path-secret';
      response.writeHead(307, { location: to }).end('body-secret');
    });
    const outbound = world.open();
    const headers = { authorization: 'Bearer header-secret' };
    for (const url of [
      `${server.origin}/path-secret-1?query-secret`,
      'https://u:url-secret@ci.example/',
      'x:',
    ]) {
      await outbound.call(post(url, { headers, body: 'body-secret' }));
    }
    expect(world.lines).toHaveLength(3);
    for (const line of world.lines) {
      expect(JSON.parse(line)).toMatchObject({ correlationId: 'acme:support-bot:v12' });
      expect(line).not.toMatch(/secret/);
    }
  });
});

describe('the body of a response', () => {
  test('is decompressed, and its Content-Encoding header is removed', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('hello '.repeat(1_000)));
    });
    const answer = await world.open().call(get(server.origin));
    expect(bodyOf(answer)).toBe('hello '.repeat(1_000));
    expect(answer.kind === 'answered' && answer.headers['content-encoding']).toBeUndefined();
  });

  test('is empty when it has no bytes, even with a Content-Encoding header', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end();
    });
    expect(bodyOf(await world.open().call(get(server.origin)))).toBe('');
  });

  test('of exactly the size limit is accepted, and one byte more is refused', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      const body = Buffer.alloc(Number(path.slice(2)), 'x');
      response.writeHead(200, path[1] === 'z' ? { 'content-encoding': 'gzip' } : {});
      response.end(path[1] === 'z' ? gzipSync(body) : body);
    });
    const outbound = world.open();
    for (const how of ['p', 'z']) {
      const taken = await outbound.call(get(`${server.origin}/${how}1000`, { maxBytes: 1_000 }));
      expect(bodyOf(taken)).toHaveLength(1_000);
      expect(await outbound.call(get(`${server.origin}/${how}1001`, { maxBytes: 1_000 }))).toEqual({
        kind: 'refused',
        status: 200,
        summary: `127.0.0.1:${server.port}: its response is too large`,
        tooLarge: true,
      });
    }
  });

  test('that does not end is cut off, and the server sees its connection close', async () => {
    await using world = outside();
    let closed = false;
    const server = await world.server((_request, response) => {
      response.on('close', () => (closed = true));
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        response.once('drain', more);
      };
      more();
    });
    expect(await world.open().call(get(server.origin))).toMatchObject({ kind: 'refused', status: 200 });
    await eventually(async () => closed, { what: 'the connection is closed' });
  });

  test('that decompresses to a thousand times its size is cut off', async () => {
    await using world = outside();
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const server = await world.server((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    expect(bomb.length).toBeLessThan(100_000);
    expect(await world.open().call(get(server.origin))).toMatchObject({ kind: 'refused', status: 200 });
  });

  test.each(['br', 'deflate', 'gzip, gzip', 'compress', 'gzip'])(
    'with the unsupported or false Content-Encoding %s is refused',
    async (coding) => {
      await using world = outside();
      const server = await world.server((_request, response) => {
        response.writeHead(200, { 'content-encoding': coding }).end('plain text');
      });
      expect(await world.open().call(get(server.origin))).toMatchObject({ kind: 'refused', status: 200 });
    },
  );
});

describe('a call to a server', () => {
  test('that does not respond ends at its timeout with the result "later"', async () => {
    await using world = outside();
    const server = await world.server(() => {});
    const answer = await world.open().call(get(server.origin, { timeoutMs: 300 }));
    expect(answer).toMatchObject({ kind: 'later', retryAfterMs: null });
  });

  test('that stops in the middle of its response ends at its timeout with the result "later"', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.writeHead(200).write('half'));
    expect((await world.open().call(get(server.origin, { timeoutMs: 300 }))).kind).toBe('later');
  });

  test('that sends its response byte by byte ends at its timeout', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect((await world.open().call(get(server.origin, { timeoutMs: 300 }))).kind).toBe('later');
  });

  test('that redirects endlessly ends at one timeout for all hops', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 20);
    });
    const answer = await world.open().call(get(server.origin, { timeoutMs: 300, maxRedirects: 1_000_000 }));
    expect(answer.kind).toBe('later');
  });

  test('that disconnects in the middle has the result "later", because the server may have handled the call', async () => {
    await using world = outside();
    const server = await world.server(({ path }, response) => {
      if (path === '/half') response.writeHead(200, { 'content-length': '100' }).write('half');
      response.destroy();
    });
    const outbound = world.open();
    expect((await outbound.call(post(`${server.origin}/half`))).kind).toBe('later');
    expect((await outbound.call(post(`${server.origin}/none`))).kind).toBe('later');
  });

  test('that is unreachable or has no address has the result "later"', async () => {
    await using world = outside();
    const gone = await world.server(() => {});
    await gone.close();
    const nameless = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    expect((await world.open().call(get(gone.origin))).kind).toBe('later');
    const outbound = world.open({ resolveName: nameless });
    expect((await outbound.call(get('http://ci.example/'))).kind).toBe('later');
    expect((await world.open({ resolveName: async () => [] }).call(get('http://ci.example/'))).kind).toBe(
      'later',
    );
  });

  test('whose name is not resolved in time ends at its timeout', async () => {
    await using world = outside();
    const { promise: released, resolve: release } = Promise.withResolvers<readonly string[]>();
    const outbound = world.open({ resolveName: () => released });
    expect((await outbound.call(get('http://ci.example/', { timeoutMs: 300 }))).kind).toBe('later');
    release([]);
  });

  test('that does not use HTTP has the result "later", and a response with too large headers is refused', async () => {
    await using world = outside();
    const large = await world.server((_request, response) => {
      response.writeHead(200, { 'x-large': 'x'.repeat(40_000) }).end();
    });
    expect((await world.open().call(get(large.origin))).kind).toBe('refused');
    const other = createServer(
      (socket) => void socket.on('error', () => {}).end('220 smtp.example ESMTP\r\n'),
    );
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = other.address() as AddressInfo;
      expect((await world.open().call(get(`http://127.0.0.1:${port}/`))).kind).toBe('later');
    } finally {
      other.close();
    }
  });
});

function bodyOf(answer: { readonly kind: string; readonly body?: Buffer }): string {
  if (answer.body === undefined) throw new Error(`expected an answer, got ${JSON.stringify(answer)}`);
  return answer.body.toString();
}
