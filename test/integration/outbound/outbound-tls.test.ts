import { describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../../support/servers/certificate.ts';
import { get, outside } from '../../support/data/outbound.ts';

const day = 24 * 60 * 60 * 1_000;
const trusted = selfSignedCertificate({ names: ['ci.pointsman.invalid'], ipv4: ['127.0.0.1'] });
const toLoopback = async (): Promise<readonly string[]> => ['127.0.0.1'];

describe('the TLS certificate of a server', () => {
  test('from a trusted authority is accepted for the names and addresses that it contains', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end('secure'), trusted);
    const outbound = world.open({ ca: trusted.cert, resolveName: toLoopback });
    expect((await outbound.call(get(server.origin))).kind).toBe('answered');
    expect((await outbound.call(get(`https://ci.pointsman.invalid:${server.port}/`))).kind).toBe('answered');
  });

  test('for another name is refused, and no request is sent', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end(), trusted);
    const outbound = world.open({ ca: trusted.cert, resolveName: toLoopback });
    expect(await outbound.call(get(`https://other.pointsman.invalid:${server.port}/`))).toEqual({
      kind: 'refused',
      status: null,
      summary: `other.pointsman.invalid:${server.port}: its certificate is not valid (ERR_TLS_CERT_ALTNAME_INVALID)`,
    });
    expect(server.arrived).toEqual([]);
  });

  test.each([
    ['of an untrusted issuer', selfSignedCertificate({ ipv4: ['127.0.0.1'] }), trusted.cert, /SELF_SIGNED/],
    ['that has expired', expired(), null, /EXPIRED/],
    ['that is not valid yet', early(), null, /NOT_YET_VALID/],
  ])('%s is refused, and no request is sent', async (_what, certificate, ca, summary) => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end(), certificate);
    const answer = await world.open({ ca: ca ?? certificate.cert }).call(get(server.origin));
    expect(answer).toMatchObject({ kind: 'refused', status: null, summary: expect.stringMatching(summary) });
    expect(server.arrived).toEqual([]);
  });

  test('is verified even when Node is set to accept every certificate', async () => {
    await using world = outside();
    const server = await world.server((_request, response) => void response.end(), trusted);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect((await world.open().call(get(server.origin))).kind).toBe('refused');
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

test('an HTTPS call to a server without TLS is refused', async () => {
  await using world = outside();
  const server = await world.server((_request, response) => void response.end());
  expect((await world.open().call(get(`https://127.0.0.1:${server.port}/`))).kind).toBe('refused');
});

test('a redirect from HTTPS to HTTP is refused, and one from HTTP to HTTPS is followed', async () => {
  await using world = outside();
  const plain = await world.server((_request, response) => {
    response.writeHead(301, { location: `${secure.origin}/end` }).end();
  });
  const secure = await world.server(({ path }, response) => {
    if (path === '/end') response.end('there');
    else response.writeHead(301, { location: plain.origin }).end();
  }, trusted);
  const outbound = world.open({ ca: trusted.cert });
  expect((await outbound.call(get(plain.origin))).kind).toBe('answered');
  expect(await outbound.call(get(secure.origin))).toMatchObject({ kind: 'refused', status: 301 });
  expect(plain.arrived).toHaveLength(1);
});

function expired(): ReturnType<typeof selfSignedCertificate> {
  const validTo = new Date(Date.now() - day);
  return selfSignedCertificate({ ipv4: ['127.0.0.1'], validFrom: new Date(Date.now() - 2 * day), validTo });
}

function early(): ReturnType<typeof selfSignedCertificate> {
  const validFrom = new Date(Date.now() + day);
  return selfSignedCertificate({ ipv4: ['127.0.0.1'], validFrom, validTo: new Date(Date.now() + 2 * day) });
}
