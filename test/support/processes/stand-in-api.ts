// Replaces services/api in tests of the stack itself: it returns its process id, stores notes in the
// database, and exits on request.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { apiConfig } from '../../../services/config/config.ts';

const config = apiConfig(process.env);
const database = new pg.Pool({ connectionString: config.databaseUrl });
database.on('error', () => undefined);

const answers: Record<string, (body: string) => Promise<unknown>> = {
  'GET /': async () => ({
    pid: process.pid,
    adminTokenSha256: config.adminTokenSha256,
    knowsToken: 'POINTSMAN_ADMIN_TOKEN' in process.env,
    knowsOwner: 'DATABASE_OWNER_URL' in process.env,
  }),
  'GET /notes': async () =>
    (await database.query<{ note: string }>('SELECT note FROM stack_note ORDER BY note')).rows,
  'POST /notes': async (note) =>
    (await database.query('INSERT INTO stack_note VALUES ($1)', [note])).rowCount,
  'POST /warn': async (msg) => process.stdout.write(`${JSON.stringify({ level: 40, msg })}\n`),
  'POST /die': async () => process.exit(3),
};

const server = createServer((request, response) => {
  void (async () => {
    const body = (await request.toArray()).join('');
    const answer = answers[`${request.method} ${request.url}`];
    response.end(JSON.stringify(answer === undefined ? null : await answer(body)));
  })().catch((error: unknown) => response.writeHead(500).end(String(error)));
});
await new Promise<void>((listening) => server.listen(config.port, config.host, listening));
process.send?.({ ready: true, url: `http://${config.host}:${(server.address() as AddressInfo).port}` });

const stop = (): void => process.exit(0);
process.on('SIGTERM', stop);
process.on('disconnect', stop);
