import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { foreignText, searchable } from '../../fuzz/foreign.ts';
import { EVERYBODY, type Sender } from '../../fuzz/tenants.ts';

const secrets = new Map([
  ['acme', ['acme-1', 'sha256:aa']],
  ['rival', ['rival-1', 'sha256:bb']],
]);
const sender = (tenant: string | null): Sender => ({
  name: 'a sender',
  authorization: null,
  tenant,
  role: null,
});
const asked = { sender: sender('acme'), opens: null, path: '/v1/tenants', body: null };

describe('a response in the fuzz run', () => {
  test('is a breach when it contains an identifier of another tenant', () => {
    expect(foreignText({ secrets }, asked, '{"items":[{"tenant":"rival-1"}]}')).toBe('rival: rival-1');
  });

  test('is a breach when it names any tenant to a sender without a token', () => {
    const nobody = { ...asked, sender: sender(null) };
    expect(foreignText({ secrets }, nobody, 'acme-1')).toBe('acme: acme-1');
  });

  test('may contain data of the sender’s tenant, or of the tenant to which a secret in the request gives access', () => {
    expect(foreignText({ secrets }, asked, 'acme-1 sha256:aa')).toBeNull();
    expect(foreignText({ secrets }, { ...asked, opens: 'rival' }, 'rival-1')).toBeNull();
  });

  test('may contain data of any tenant when the sender has a platform token', () => {
    expect(foreignText({ secrets }, { ...asked, sender: sender(EVERYBODY) }, 'rival-1')).toBeNull();
  });

  test('may repeat a text of another tenant from its own request, but no other text of that tenant', () => {
    const naming = { ...asked, path: '/v1/tenants/acme-1/blobs/sha256%3Abb' };
    expect(foreignText({ secrets }, naming, 'there is no blob sha256:bb')).toBeNull();
    expect(foreignText({ secrets }, naming, 'sha256:bb is of rival-1')).toBe('rival: rival-1');
  });

  test('is unpacked before it is searched when it is an archive', () => {
    expect(searchable(gzipSync(Buffer.from('of rival-1')))).toBe('of rival-1');
    expect(searchable(Buffer.from('of rival-1'))).toBe('of rival-1');
  });
});
