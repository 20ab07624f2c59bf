// A server that answers from the bundle that is live, with Node and the follower alone.
//
//   node examples/follower/server.ts http://127.0.0.1:7400 acme support-bot
//
// POINTSMAN_TOKEN   a token with the role "follower"
// FOLLOWER_NAME     what this process is called in the list of followers; two at once need two names
// FOLLOWER_FOLDER   where artifacts are kept from one start to the next
// PORT              any free one unless told

import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Bundle } from '@pointsman/client/follower';
import { openFollower } from '@pointsman/client/follower';

const [url = '', tenant = '', bundle = ''] = process.argv.slice(2);
const {
  POINTSMAN_TOKEN: token = '',
  FOLLOWER_NAME: name = 'example',
  FOLLOWER_FOLDER: folder = '.follower',
  PORT = '0',
} = process.env;

const follower = await openFollower({ url, token, tenant, bundle, name, folder });
follower.onChange(({ generation, version }) => console.log(`generation ${generation}: v${version}`));

/** Sessions, and the bundle that each began with. A thousand at most: the oldest makes room. */
const sessions = new Map<string, Bundle>();

function beginSession(): string {
  const id = randomUUID();
  const [oldest] = sessions.keys();
  if (sessions.size >= 1_000 && oldest !== undefined) sessions.delete(oldest);
  sessions.set(id, follower.pin());
  return id;
}

function answer(response: ServerResponse, { generation, version, ...bundleOf }: Bundle, path: string): void {
  const file = bundleOf.files.get(path);
  response.setHeader('pointsman-generation', generation);
  if (file === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-type': file.mediaType, 'pointsman-version': version }).end(file.content);
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://here');
  if (pathname === '/status') return void response.end(JSON.stringify(follower.status()));
  if (request.method === 'POST' && pathname === '/sessions') return void response.end(beginSession());
  // Read once, so that one answer is of one generation whatever moves meanwhile.
  const current = sessions.get(String(request.headers['session'])) ?? follower.current;
  if (pathname !== '/all') return answer(response, current, decodeURIComponent(pathname.slice(1)));
  const files = [...current.files].map(([path]) => [path, current.text(path)]);
  response.setHeader('pointsman-generation', current.generation);
  response.end(JSON.stringify(Object.fromEntries(files)));
});
server.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`generation ${follower.current.generation}: serving on http://127.0.0.1:${port}`);
});

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void follower.close();
});
