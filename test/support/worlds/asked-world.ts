import type { ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';

import { extract } from 'tar-stream';
import { fetch } from 'undici';

import { CheckRequest } from '../../../packages/protocol/callouts/check-request.ts';
import { CompileJob, type CompileReport } from '../../../packages/protocol/callouts/compile-job.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';
import { Policy } from '../../../core/policy.ts';
import { startApi, type TestApi } from '../processes/api.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { type Arrived, startOutsideServer } from '../servers/outside-server.ts';
import { standstill } from '../servers/standstill.ts';

/**
 * The control plane with its API, and an outside server that receives requests for checks and compilations. The test itself sends the
 * results.
 */
export interface AskedWorld {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  /** The URL of a path on the outside server. */
  address(path: string): string;
  /**
   * Sets the responses of the server to requests for that path, in order. The last response is repeated. By default the server responds
   * with 202.
   */
  script(path: string, ...answers: Scripted[]): void;
  /** Waits until the server has received `count` requests for that path, and returns all of them. */
  asked(path: string, count: number): Promise<Arrived[]>;
  jobs(path: string, count: number): Promise<CompileJob[]>;
  checks(path: string, count: number): Promise<CheckRequest[]>;
  stop(): Promise<void>;
}

/** A response with a status and headers, or no response. */
export type Scripted = { readonly status: number; readonly headers?: Record<string, string> } | 'silence';

export interface AskedWorldOptions {
  /** Additional settings of the worker. */
  readonly env?: Readonly<Record<string, string>>;
  /** The address at which the outside server reaches the API. By default it is the API's own address. */
  readonly publicUrl?: (apiUrl: string) => Promise<string>;
}

export async function startAskedWorld({
  env = {},
  publicUrl = (apiUrl) => Promise.resolve(apiUrl),
}: AskedWorldOptions = {}): Promise<AskedWorld> {
  const scripts = new Map<string, Scripted[]>();
  const server = await startOutsideServer(({ path }, response) => {
    const script = scripts.get(path) ?? [];
    const answer = (script.length > 1 ? script.shift() : script[0]) ?? { status: 202 };
    if (answer !== 'silence') respond(response, answer);
  });
  let api: TestApi | null = null;
  const plane = await startControlPlane({
    workerEnv: async (stores) => {
      api = await startApi(stores);
      const ownUrl = await publicUrl(api.url);
      return { POINTSMAN_PUBLIC_URL: ownUrl, POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32', ...env };
    },
  });
  const started = api as unknown as TestApi;
  const asked = (path: string, count: number): Promise<Arrived[]> =>
    eventually(
      async () => {
        const there = server.arrived.filter((one) => one.path === path);
        return there.length >= count ? there : null;
      },
      { what: `${count} requests at ${path}` },
    );
  return {
    plane,
    api: started,
    address: (path) => `${server.origin}${path}`,
    script: (path, ...answers) => void scripts.set(path, answers),
    asked,
    jobs: async (path, count) =>
      (await asked(path, count)).map(({ body }) => CompileJob.parse(JSON.parse(body))),
    checks: async (path, count) =>
      (await asked(path, count)).map(({ body }) => CheckRequest.parse(JSON.parse(body))),
    async stop() {
      await plane.stop();
      await started.stop();
      await server.close();
    },
  };
}

function respond(response: ServerResponse, { status, headers }: Exclude<Scripted, 'silence'>): void {
  response.writeHead(status, headers).end();
}

/** Stores a new version of the tenant's policy. */
export async function givePolicy(plane: ControlPlane, tenant: string, policy: unknown): Promise<void> {
  const document = Policy.parse(policy);
  await standstill(plane).sql((client) =>
    client.query(
      `INSERT INTO pointsman.policies (tenant, version, document, by, at)
       SELECT $1, coalesce(max(version), 0) + 1, $2, 'test', now() FROM pointsman.policies WHERE tenant = $1`,
      [tenant, JSON.stringify(document)],
    ),
  );
}

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Sends a report to the address of a job, without a token. */
export async function tell(url: string, body: unknown): Promise<Told> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    status: response.status,
    headers: response.headers as unknown as Headers,
    json: (await response.json()) as Told['json'],
  };
}

/** Fetches the files of a job's source, by path. */
export async function fetchSource(job: CompileJob): Promise<Record<string, string>> {
  const response = await fetch(job.source.url);
  if (!response.ok) throw new Error(`the source of ${job.correlationId}: ${response.status}`);
  const archive = extract();
  archive.end(gunzipSync(Buffer.from(await response.arrayBuffer())));
  const files: Record<string, string> = {};
  for await (const entry of archive) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    files[entry.header.name] = Buffer.concat(chunks).toString('utf8');
  }
  return files;
}

export interface Built {
  readonly digest: string;
  readonly blobs: readonly { readonly digest: string; readonly mediaType: string; readonly text: string }[];
}

/** Creates an artifact that consists of those files, unchanged. */
export function build(files: Readonly<Record<string, string>>): Built {
  const entries = Object.entries(files).map(([path, text]) => {
    const described = { digest: digestOf(text), mediaType: 'text/plain', size: Buffer.byteLength(text) };
    return { path, text, ...described };
  });
  const { manifest, index } = artifactManifest(
    entries.map(({ path, digest, size, mediaType }) => ({ path, digest, size, mediaType })),
  );
  return { digest: manifest.digest, blobs: [...entries, index, manifest] };
}

/** Uploads one blob. Returns the status of the response. */
export async function upload(job: CompileJob, blob: Built['blobs'][number]): Promise<number> {
  const response = await fetch(`${job.upload.url}/${blob.digest}`, {
    method: 'PUT',
    headers: { 'content-type': blob.mediaType },
    body: blob.text,
  });
  await response.body?.cancel();
  return response.status;
}

/** Completes a whole job: fetches the source, uploads the artifact, and reports it. */
export async function compileFor(job: CompileJob): Promise<Told> {
  const built = build(await fetchSource(job));
  for (const blob of built.blobs) await upload(job, blob);
  return tell(job.callback.url, compiled(built));
}

export function compiled({ digest }: Built): CompileReport {
  return { status: 'compiled', artifacts: [{ channel: null, digest }] };
}
