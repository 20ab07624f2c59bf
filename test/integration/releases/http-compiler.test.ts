import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { artifactManifest, mediaTypes } from '../../../packages/protocol/artifacts/oci.ts';
import { type CapabilityServer, type Offer, startCapabilityServer } from '../../support/data/capability.ts';
import { eventually } from '../../support/runs/eventually.ts';

const TOKEN = 'correct-horse-battery';

describe('examples/http-compiler', () => {
  let capabilities: CapabilityServer;
  let compiler: ChildProcess;
  let url: string;

  beforeAll(async () => {
    capabilities = await startCapabilityServer();
    const script = fileURLToPath(new URL('../../../examples/http-compiler/compiler.mjs', import.meta.url));
    const env = {
      PATH: process.env['PATH'],
      PORT: '0',
      COMPILER_TOKEN: TOKEN,
      POINTSMAN_URL: capabilities.origin,
    };
    compiler = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    process.once('exit', () => compiler.kill('SIGKILL'));
    let output = '';
    compiler.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    url = await eventually(async () => /^ready on (\S+)$/m.exec(output)?.[1], {
      what: 'the compiler listens',
    });
  });

  afterAll(async () => {
    const ended = once(compiler, 'exit');
    compiler.kill('SIGKILL');
    await ended;
    await capabilities.stop();
  });

  const ask = async (offer: Offer, token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(offer.job) });
    return response.status;
  };

  const reported = (offer: Offer) =>
    eventually(async () => offer.report, { withinMs: 90_000, what: 'the compiler has called back' });

  test('accepts a job immediately, and compiles the same artifact as Pointsman', async () => {
    const offer = await capabilities.offer({ 'a.json': '{ "b": 1.0, "a": [] }', 'b.md': '# B\n' });
    expect(await ask(offer, TOKEN)).toBe(202);
    const { manifest, blobDigests } = artifactManifest([
      {
        path: 'a.json',
        digest: digestOf('{"a":[],"b":1}'),
        size: Buffer.byteLength('{"a":[],"b":1}'),
        mediaType: mediaTypes.document,
      },
      { path: 'b.md', digest: digestOf('# B\n'), size: 4, mediaType: 'text/markdown' },
    ]);
    expect(await reported(offer)).toEqual({
      status: 'compiled',
      artifacts: [{ channel: null, digest: manifest.digest }],
    });
    expect([...offer.blobs.keys()].toSorted()).toEqual(blobDigests.toSorted());
  });

  test('reports the mistakes of a source', async () => {
    const offer = await capabilities.offer({ 'a.json': '{ nul' });
    await ask(offer, TOKEN);
    expect(await reported(offer)).toMatchObject({ status: 'invalid', diagnostics: [{ path: 'a.json' }] });
  });

  test('retries when Pointsman responds with Retry-After', async () => {
    let times = 0;
    const instead = async () => (++times === 1 ? { status: 503, headers: { 'retry-after': '0' } } : null);
    const offer = await capabilities.offer({ 'a.json': '1' }, { instead });
    await ask(offer, TOKEN);
    expect(await reported(offer)).toMatchObject({ status: 'compiled' });
    expect(offer.exchanges[0]).toBe('source 503');
  });

  test('refuses a job whose addresses belong to another server', async () => {
    const { job, ...offer } = await capabilities.offer({ 'a.json': '1' });
    const callback = { url: 'http://127.0.0.1:1/v1/callbacks/abc' };
    expect(await ask({ ...offer, job: { ...job, callback } }, TOKEN)).toBe(403);
  });

  test('refuses a request without its token', async () => {
    const offer = await capabilities.offer({ 'a.json': '1' });
    expect(await ask(offer, 'wrong')).toBe(401);
    expect(offer.exchanges).toEqual([]);
  });
});
