// Starts PostgreSQL on the given folder, prints the user with which it runs, and stops it. Tests run this script as
// another user.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PortBook, startOnPorts } from '../../../packages/dev/embedded/ports.ts';
import { startEmbeddedPostgres } from '../../../packages/dev/postgres/embedded.ts';

const folder = process.argv[2] as string;
const server = await startOnPorts(PortBook.inMemory(), ['postgres'], ({ postgres: port }) =>
  startEmbeddedPostgres({ dataDir: join(folder, 'data'), logFile: join(folder, 'log'), port, fsync: false }),
);
const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'))?.[1];
await server.stop();
console.log(JSON.stringify({ uid: Number(uid) }));
