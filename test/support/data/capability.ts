import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

import {
  COMPILE_CONTRACT,
  CompileJob,
  CompileReport,
} from '../../../packages/protocol/callouts/compile-job.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';

/** The requests that a remote compiler may send: fetch the source, upload a blob, report the result. */
export type Asked = 'source' | 'blob' | 'report';

/** One attempt to compile a source remotely, as Pointsman records it. */
export interface Offer {
  readonly job: CompileJob;
  /** The secret part of the job's addresses. */
  readonly capability: string;
  /** The requests and the statuses of their responses, in order: `source 200`. */
  readonly exchanges: readonly string[];
  readonly blobs: ReadonlyMap<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  /** The first report of the compiler. Later reports do not replace it. */
  readonly report: CompileReport | null;
}

/** Replaces a response with another status and headers, possibly after a delay. Null sends the normal response. */
type Instead = (asked: Asked) => Promise<{ status: number; headers?: Record<string, string> } | null> | null;

export interface CapabilityServer {
  readonly origin: string;
  offer(
    files: Readonly<Record<string, string>>,
    options?: { version?: number; instead?: Instead },
  ): Promise<Offer>;
  stop(): Promise<void>;
}

/** Serves the addresses of a job over HTTP, as specified in examples/celery/README.md. */
export async function startCapabilityServer(): Promise<CapabilityServer> {
  const offers = new Map<string, OpenOffer>();
  const server = createServer((request, response) => {
    const [, , , capability = '', ...rest] = (request.url ?? '').split('/');
    const offer = offers.get(capability);
    const done = offer === undefined ? answer(response, 404) : serve(offer, rest, request, response);
    // If the client was killed during its request, the response can't be sent.
    Promise.resolve(done).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    offer: async (files, { version = 1, instead = () => null } = {}) => {
      const capability = randomBytes(16).toString('hex');
      const base = `${origin}/v1/callbacks/${capability}`;
      const job = jobOf(base, digestOfTree(files), version);
      const archive = await archiveOf(files);
      const offer: OpenOffer = {
        job,
        capability,
        archive,
        instead,
        exchanges: [],
        blobs: new Map(),
        report: null,
      };
      offers.set(capability, offer);
      return offer;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface OpenOffer extends Offer {
  readonly exchanges: string[];
  readonly blobs: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  report: CompileReport | null;
  readonly archive: Buffer;
  readonly instead: Instead;
}

async function serve(
  offer: OpenOffer,
  [what, digest]: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(request);
  const asked = what === undefined ? 'report' : ASKED_BY_PATH[what];
  if (asked === undefined) return answer(response, 404);
  const other = await offer.instead(asked);
  const [status, content, headers] = other
    ? [other.status, undefined, other.headers]
    : answers[asked](offer, body, digest ?? '', request);
  offer.exchanges.push(`${asked} ${status}`);
  answer(response, status, content, headers);
}

const ASKED_BY_PATH: Readonly<Record<string, Asked>> = { source: 'source', blobs: 'blob' };

const answers = {
  source: ({ archive }: OpenOffer) => [200, archive, { 'content-type': 'application/gzip' }],
  blob: ({ blobs }: OpenOffer, bytes: Buffer, digest: string, request: IncomingMessage) => {
    if (request.method !== 'PUT' || digestOf(bytes) !== digest) return [422];
    const there = blobs.has(digest);
    blobs.set(digest, { bytes, mediaType: request.headers['content-type'] ?? '' });
    return [there ? 200 : 201];
  },
  report: (offer: OpenOffer, body: Buffer) => {
    const parsed = CompileReport.safeParse(JSON.parse(body.toString('utf8')));
    if (!parsed.success) return [422];
    if (offer.report !== null) return [409];
    offer.report = parsed.data;
    return [200, Buffer.from('{"replayed":false}'), { 'content-type': 'application/json' }];
  },
} satisfies Record<
  Asked,
  (...args: [OpenOffer, Buffer, string, IncomingMessage]) => [number, Buffer?, Record<string, string>?]
>;

function answer(
  response: ServerResponse,
  status: number,
  content?: Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers).end(content);
}

function jobOf(base: string, digest: string, version: number): CompileJob {
  return CompileJob.parse({
    contract: COMPILE_CONTRACT,
    correlationId: `acme:support-bot:v${version}`,
    tenant: 'acme',
    bundle: 'support-bot',
    version,
    channel: 'live',
    attempt: 1,
    deadline: new Date(Date.now() + 600_000).toISOString(),
    source: { url: `${base}/source`, digest },
    upload: { url: `${base}/blobs` },
    callback: { url: base },
  });
}

function digestOfTree(files: Readonly<Record<string, string>>): string {
  const entries = Object.entries(files).map(([path, text]) => ({
    path,
    digest: digestOf(text),
    size: Buffer.byteLength(text),
  }));
  return sourceTree(entries).digest;
}

async function archiveOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, text] of Object.entries(files)) tar.entry({ name }, text);
  tar.finalize();
  return gzipSync(await buffer(tar));
}
