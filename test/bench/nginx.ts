import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PortBook, PortTakenError, startOnPorts } from '../../packages/dev/embedded/ports.ts';
import { startServerProcess, waitUntilReady } from '../../packages/dev/embedded/server-process.ts';
import { endWithTestProcess } from '../support/servers/servers.ts';

const NGINX = '/usr/sbin/nginx';

export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts an nginx with one worker process, which serves one static file at `/file`. Null if nginx is not installed.
 */
export async function startNginx(content: string): Promise<Nginx | null> {
  if (!isInstalled()) return null;
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-nginx-'));
  await mkdir(join(folder, 'www'));
  // nginx may run its worker process as another user. That user only needs to read this file.
  await writeFile(join(folder, 'www', 'file'), content);
  const { server, port } = await startOnPorts(PortBook.inMemory(), ['nginx'], async ({ nginx }) => {
    await writeFile(join(folder, 'nginx.conf'), configuration(folder, nginx));
    const started = await startServerProcess({
      file: NGINX,
      args: ['-p', folder, '-c', join(folder, 'nginx.conf')],
      env: {},
      logFile: join(folder, 'nginx.log'),
    });
    endWithTestProcess(started);
    try {
      await waitUntilReady('nginx', started, () => answers(nginx));
    } catch (error) {
      await started.stop([]);
      throw error instanceof Error && /in use/i.test(error.message)
        ? new PortTakenError(error.message)
        : error;
    }
    return { server: started, port: nginx };
  });
  return {
    url: `http://127.0.0.1:${port}/file`,
    async stop() {
      // On SIGTERM the master process ends its worker process. SIGKILL would leave the worker process running.
      await server.stop([['SIGTERM', 10_000]]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, port: number): string {
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  ${bodies.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    root ${join(folder, 'www')};
    etag on;
  }
}
`;
}

function isInstalled(): boolean {
  try {
    accessSync(NGINX, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/file`)).ok;
  } catch {
    return false;
  }
}
