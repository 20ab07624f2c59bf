import { z } from 'zod';

import type { Role } from '../../packages/protocol/access.ts';
import { type ApiProcess, startApiProcess } from '../support/processes/api-process.ts';
import { type ControlPlane, startControlPlane } from '../support/worlds/control-plane.ts';
import { type Outside, startOutside } from './outside.ts';
import { startStock, type Stock } from './stock.ts';
import { EVERYBODY, fillTenant, type FuzzTenant, newTenant, type Sender } from './tenants.ts';

type BareTenant = Awaited<ReturnType<typeof newTenant>>;

/** The servers to which a run sends its requests, and the tenants and senders of the run. */
export interface FuzzWorld {
  readonly plane: ControlPlane;
  readonly api: ApiProcess;
  readonly outside: Outside;
  readonly document: unknown;
  /** All senders: each role of every tenant and of the platform, and senders without a valid token. */
  readonly senders: readonly Sender[];
  readonly platform: { readonly admin: Sender };
  /** Most requests name resources of this tenant. The tenant rival has the same kinds of resources. */
  readonly acme: FuzzTenant;
  readonly rival: FuzzTenant;
  /** The tenant whose policy and quotas requests change. */
  readonly scratch: FuzzTenant;
  /** The tenant whose sources are compiled remotely. */
  readonly remote: BareTenant;
  /** The tenant that publishes archives. */
  readonly packer: BareTenant;
  readonly stock: Stock;
  /** By tenant: the texts that a response to another tenant must not contain. */
  readonly secrets: ReadonlyMap<string, readonly string[]>;
  /** Publishes as a new tenant that has sent no hostile request. Throws unless its releases go live. */
  publishHonestly(): Promise<void>;
  stop(): Promise<void>;
}

const MadeToken = z.object({ token: z.string() });

export async function startFuzzWorld(): Promise<FuzzWorld> {
  const outside = await startOutside();
  const plane = await startControlPlane({
    plainWorker: true,
    // The public URL is never resolved: the outside servers use only the capability in a callback address, not its
    // host.
    workerEnv: async () => ({
      POINTSMAN_PUBLIC_URL: 'http://api.example',
      POINTSMAN_OUTBOUND_ALLOW: '127.0.0.1/32',
    }),
  });
  const api = await startApiProcess(plane);
  const acme = await fillTenant(api, outside, 'acme');
  const rival = await fillTenant(api, outside, 'rival');
  const scratch = await fillTenant(api, outside, 'scratch');
  const [remote, packer] = [await newTenant(api, 'remote'), await newTenant(api, 'packer')];
  await api.call('PUT', `/v1/tenants/${remote.name}/policy`, {
    compile: { executor: 'http', url: outside.address('/compile'), within: '1h', attempts: 1 },
  });
  const tenants = [acme, rival, scratch, remote, packer];
  const admin = await platformSender(api, 'admin');
  return {
    plane,
    api,
    outside,
    document: await api.call('GET', '/openapi.json'),
    senders: [
      ...WITHOUT_TOKEN,
      ...tenants.flatMap(({ senders }) => senders),
      admin,
      await platformSender(api, 'viewer'),
    ],
    platform: { admin },
    acme,
    rival,
    scratch,
    remote,
    packer,
    stock: await startStock(api, outside, { of: acme, compiling: remote }),
    secrets: new Map(tenants.map(({ name, secrets }) => [name, secrets])),
    async publishHonestly() {
      await fillTenant(api, outside, 'honest');
    },
    async stop() {
      await api.stop();
      await plane.stop();
      await outside.stop();
    },
  };
}

const WITHOUT_TOKEN: readonly Sender[] = [
  { name: 'nobody', authorization: null, tenant: null, role: null },
  { name: 'a wrong token', authorization: 'Bearer not-a-token', tenant: null, role: null },
  { name: 'a wrong scheme', authorization: 'Basic YWxhZGRpbjpvcGVuc2VzYW1l', tenant: null, role: null },
];

async function platformSender(api: ApiProcess, role: Role): Promise<Sender> {
  const made = await api.call('POST', '/v1/tokens', { name: `fuzz-${role}`, roles: [role] });
  const { token } = MadeToken.parse(made);
  return { name: `the platform’s ${role}`, authorization: `Bearer ${token}`, tenant: EVERYBODY, role };
}
