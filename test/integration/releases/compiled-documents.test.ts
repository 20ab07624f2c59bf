import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { type Compiler, createCompiler } from '../../../services/compiler/compiler.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { sweepContent } from '../../../services/postgres/upkeep/retention.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import {
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { standstill } from '../../support/servers/standstill.ts';

const DOCUMENTS = 80;

let plane: ControlPlane;
let db: Database;
let tenant: string;
const compilers: Compiler[] = [];
const apis: TestApi[] = [];

beforeAll(async () => {
  plane = await sharedControlPlane();
  db = openDatabase(plane.postgres.appUrl);
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterEach(async () => {
  for (const api of apis.splice(0)) await api.stop();
  for (const compiler of compilers.splice(0)) await compiler.close();
  expect(await contradictions(plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(() => db.close());

/** Starts an API with its own compiler, which has compiled nothing, as after a restart. */
async function newApi(): Promise<TestApi> {
  const compiler = createCompiler();
  compilers.push(compiler);
  const { postgres, restate } = plane;
  const api = await startApi({ appUrl: postgres.appUrl, ingressUrl: restate.ingressUrl, compiler });
  apis.push(api);
  return api;
}

/** A large source. A different `edited` gives the first document a different content. */
const source = (edited: number) =>
  Object.fromEntries(
    Array.from({ length: DOCUMENTS }, (_, nth) => [
      `${nth}.json`,
      JSON.stringify({ nth, edited: nth === 0 ? edited : 0 }),
    ]),
  );

const send = (api: TestApi, edited: number, { by = tenant, headers = {} } = {}) =>
  api.call('POST', `/v1/tenants/${by}/bundles/bundle/releases`, { json: { files: source(edited) }, headers });

async function publish(api: TestApi, edited: number, by = tenant): Promise<string | null> {
  const { status, json } = await send(api, edited, { by });
  expect(status, JSON.stringify(json)).toBe(202);
  const { outcome, digest } = await settled(plane, by, Number(json['version']));
  expect(outcome).toBe('published');
  return digest;
}

/** Where the documents of all compilations of an API came from, as its metrics show it. */
async function documents(api: TestApi): Promise<Record<string, number>> {
  const { text } = await api.call('GET', '/metrics');
  const samples = text.matchAll(/^pointsman_compiled_documents_total\{from="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(
    [...samples].map(([, from = '', count]): [string, number] => [from, Number(count)]),
  );
}

test('one changed document of a large source compiles only that document: in the same API, in a second API, and after a restart', async () => {
  const first = await newApi();
  await publish(first, 0);
  expect(await documents(first)).toEqual({ memory: 0, database: 0, compiled: DOCUMENTS });
  await publish(first, 1);
  expect(await documents(first)).toEqual({ memory: DOCUMENTS - 1, database: 0, compiled: DOCUMENTS + 1 });
  const second = await newApi();
  const digest = await publish(second, 2);
  expect(await documents(second)).toEqual({ memory: 0, database: DOCUMENTS - 1, compiled: 1 });
  await publish(second, 3);
  expect(await documents(second)).toEqual({
    memory: DOCUMENTS - 1,
    database: DOCUMENTS - 1,
    compiled: 2,
  });
  // Another tenant gets the same artifact, but never the documents of this tenant.
  const other = await newTenant(plane);
  expect(await publish(second, 2, other)).toBe(digest);
  expect(await documents(second)).toEqual({
    memory: DOCUMENTS - 1,
    database: DOCUMENTS - 1,
    compiled: DOCUMENTS + 2,
  });
});

test('documents that another version of the compiler has compiled are compiled again', async () => {
  await publish(await newApi(), 0);
  await standstill(plane).sql((client) =>
    client.query(`UPDATE pointsman.compiled_documents SET executor = 'local/0' WHERE tenant = $1`, [tenant]),
  );
  const api = await newApi();
  await publish(api, 1);
  expect(await documents(api)).toEqual({ memory: 0, database: 0, compiled: DOCUMENTS });
});

test('a publish compiles the documents again whose content the sweep has deleted, even if the API remembers them', async () => {
  const refused = { headers: { 'if-match': '"7"' } };
  expect((await send(await newApi(), 0, refused)).status).toBe(412);
  const api = await newApi();
  expect((await send(api, 1, refused)).status).toBe(412);
  expect(await documents(api)).toMatchObject({ database: DOCUMENTS - 1, compiled: 1 });
  await standstill(plane).sql(async (client) => {
    for (const table of ['sources', 'blobs'])
      await client.query(
        `UPDATE pointsman.${table} SET check_at = now() - interval '1 hour' WHERE tenant = $1`,
        [tenant],
      );
  });
  while ((await sweepContent(db, tenant)) > 0);
  const digest = await publish(api, 2);
  expect(await publish(await newApi(), 2, await newTenant(plane))).toBe(digest);
});
