import { randomBytes, randomUUID } from 'node:crypto';

import { type DeliveryRecord, listDeliveries } from '../../../services/postgres/hooks/deliveries.ts';
import { startApi, type TestAnswer, type TestApi } from '../processes/api.ts';
import { type CodeHost, signatureOf, startCodeHost } from '../servers/code-host.ts';
import {
  type ControlPlane,
  newTenant,
  SHARED_SETTINGS,
  sharedControlPlane,
  startControlPlane,
} from './control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { repositoryArchive } from '../data/archives.ts';

const SECRET = 'the-secret-of-the-tests';
export const REPOSITORY = 'octo/bot';

/** The control plane with its API, and a code host that sends pushes. */
export interface PushedWorld {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  readonly host: CodeHost;
  /** Creates a tenant with a GitHub hook "main" for REPOSITORY at the stand-in host. */
  tenant(hook?: object): Promise<PushedTenant>;
  stop(): Promise<void>;
}

export interface PushedTenant {
  readonly name: string;
  readonly path: string;
  /** Replaces the hook. */
  setHook(hook: object): Promise<TestAnswer>;
  /** Creates a commit at the host, from files or from an archive. Returns its id. */
  commit(content: Readonly<Record<string, string>> | Buffer): Promise<string>;
  /** Delivers a push of that commit, as GitHub does. */
  push(commit: string, over?: PushOptions): Promise<TestAnswer>;
  /** Creates a commit and delivers its push. Returns the commit. */
  pushed(content: Readonly<Record<string, string>> | Buffer): Promise<string>;
  /** Waits until `is` returns true for the delivery of that commit, and returns the delivery. */
  delivery(commit: string, is: (delivery: DeliveryRecord) => boolean): Promise<DeliveryRecord>;
}

export interface PushOptions {
  readonly delivery?: string;
  readonly ref?: string;
  readonly secret?: string;
  readonly payload?: object;
}

/** With `ownPlane`, a test may stop its servers. Otherwise the control plane is the shared one of the process. */
export async function startPushedWorld({ ownPlane = false } = {}): Promise<PushedWorld> {
  const host = await startCodeHost();
  const plane = ownPlane
    ? await startControlPlane({ workerEnv: () => Promise.resolve(SHARED_SETTINGS) })
    : await sharedControlPlane();
  const api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
  return {
    plane,
    api,
    host,
    tenant: (hook = {}) => pushedTenant({ plane, api, host }, hook),
    async stop() {
      await api.stop();
      if (ownPlane) await plane.stop();
      await host.close();
    },
  };
}

async function pushedTenant(
  { plane, api, host }: Pick<PushedWorld, 'plane' | 'api' | 'host'>,
  hook: object,
): Promise<PushedTenant> {
  const name = await newTenant(plane);
  const path = `/v1/tenants/${name}/hooks/main`;
  const setHook = (over: object): Promise<TestAnswer> =>
    api.call('PUT', path, {
      json: {
        provider: 'github',
        repository: REPOSITORY,
        ref: 'refs/heads/main',
        bundle: 'bundle',
        secret: SECRET,
        apiUrl: host.githubApi,
        token: 'ghs_secret',
        ...over,
      },
    });
  const made = await setHook(hook);
  if (made.status !== 201) throw new Error(`the hook was not made: ${made.text}`);
  const commit: PushedTenant['commit'] = async (content) => {
    const sha = randomBytes(20).toString('hex');
    host.put(sha, Buffer.isBuffer(content) ? content : await repositoryArchive(content));
    return sha;
  };
  const push: PushedTenant['push'] = (
    sha,
    { delivery = randomUUID(), ref = 'refs/heads/main', secret = SECRET, payload = {} } = {},
  ) => {
    const body = JSON.stringify({
      ref,
      after: sha,
      repository: { full_name: REPOSITORY },
      head_commit: { id: sha, message: `Change ${sha.slice(0, 7)}\n\nBecause.` },
      commits: [],
      ...payload,
    });
    const headers = {
      authorization: '',
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': delivery,
      'x-hub-signature-256': signatureOf(secret, body),
    };
    return api.call('POST', `${path}/deliveries`, { headers, body });
  };
  return {
    name,
    path,
    setHook,
    commit,
    push,
    async pushed(content) {
      const sha = await commit(content);
      const answer = await push(sha);
      if (answer.status !== 202) throw new Error(`the push was not taken: ${answer.text}`);
      return sha;
    },
    delivery: (sha, is) =>
      eventually(
        async () => {
          const all = await listDeliveries(plane.db, name, 'main', { limit: 100 });
          const found = all.find((one) => one.commit === sha);
          return found !== undefined && is(found) ? found : null;
        },
        { what: `the delivery of ${sha}`, withinMs: 60_000 },
      ),
  };
}
