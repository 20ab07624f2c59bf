import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import {
  type Follower,
  type FollowerOptions,
  openFollower,
} from '../../../packages/client/follower/follower.ts';
import { startApi, type TestApi } from '../processes/api.ts';
import { eventually } from '../runs/eventually.ts';
import { type Forwarder, startForwarder } from '../servers/forwarder.ts';
import { type Files, publishedFiles } from '../data/published-files.ts';
import { handRequest, newTenant, startStore, type Store } from './store.ts';
import { madeToken } from '../data/tokens.ts';

/** The database and the real API, with a proxy between the API and its followers. Each test has its own tenant and folder. */
export interface FollowedWorld {
  readonly store: Store;
  readonly api: TestApi;
  readonly forwarder: Forwarder;
  readonly tenant: string;
  readonly folder: string;
  readonly token: string;
  /** Publishes the next release of `bot` and makes it live. */
  publish(files: Files): Promise<string>;
  /** Moves the pointer of `bot` back to that release. */
  pointAt(version: number): Promise<void>;
  /** Opens a follower, which is closed after the test. */
  follow(options?: Partial<FollowerOptions>): Promise<Follower>;
  /** Copies the folder to another path. This process has not cached that path, so a follower that starts with it reads from disk. */
  elsewhere(): Promise<string>;
  /** Waits until the follower runs that generation. */
  at(follower: Follower, generation: number): Promise<void>;
  /** Stops the API. Requests are then refused. */
  apiDown(): Promise<void>;
  apiUp(): Promise<void>;
}

export function followedWorld(): FollowedWorld {
  let store: Store;
  let api: TestApi;
  let forwarder: Forwarder;
  let tenant: string;
  let folder: string;
  let token: string;
  let version = 0;
  let names = 0;
  let open: Follower[] = [];
  const start = () => startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
  beforeAll(async () => {
    store = await startStore();
    api = await start();
    forwarder = await startForwarder(api.url);
  });
  beforeEach(async () => {
    tenant = await newTenant(store);
    folder = await mkdtemp(join(tmpdir(), 'pointsman-follower-'));
    ({ token } = await madeToken(api, { name: 'fleet', tenant, roles: ['follower'] }));
    version = 0;
    forwarder.tamper = null;
    forwarder.refuse = null;
    forwarder.up();
    forwarder.asked.length = 0;
  });
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    open = [];
    await rm(folder, { recursive: true, force: true });
  });
  afterAll(async () => {
    await forwarder.close();
    await api.stop();
    await store.stop();
  });
  const world: FollowedWorld = {
    get store() {
      return store;
    },
    get api() {
      return api;
    },
    get forwarder() {
      return forwarder;
    },
    get tenant() {
      return tenant;
    },
    get folder() {
      return folder;
    },
    get token() {
      return token;
    },
    async publish(files) {
      version++;
      const row = await store.db.call(
        tenant,
        `SELECT coalesce(max(generation), 0)::int AS g FROM pointers WHERE tenant = $1 AND bundle = 'bot'`,
        [tenant],
      );
      const expectedGeneration = Number(row[0]?.['g']);
      return publishedFiles(store, { tenant, bundle: 'bot', version }, files, { expectedGeneration });
    },
    async pointAt(to) {
      const moved = await store.moves.moveByHand(
        handRequest({ tenant, bundle: 'bot', version: to, roles: ['admin'] }),
      );
      if (moved.kind !== 'moved') throw new Error(`it was ${JSON.stringify(moved)}`);
    },
    async follow(options = {}) {
      const name = `bot-${++names}`;
      const follower = await openFollower({
        url: forwarder.url,
        token,
        tenant,
        bundle: 'bot',
        name,
        folder,
        ...options,
      });
      open.push(follower);
      return follower;
    },
    async elsewhere() {
      const copy = join(folder, `copy-${++names}`);
      await mkdir(copy);
      for (const name of ['blobs', 'pointers'])
        await cp(join(folder, name), join(copy, name), { recursive: true });
      return copy;
    },
    async at(follower, generation) {
      await eventually(async () => follower.current.generation === generation, {
        what: `generation ${generation}; ${JSON.stringify(follower.status())}`,
      });
    },
    async apiDown() {
      forwarder.down();
      await api.stop();
    },
    async apiUp() {
      api = await start();
      forwarder.up(api.url);
    },
  };
  return world;
}
