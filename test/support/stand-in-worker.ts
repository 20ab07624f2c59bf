// Stands for services/worker in tests of the stack itself: one durable service, registered as the worker registers its own.
import { createServer, type ServerHttp2Session } from 'node:http2';
import { createEndpointHandler, service, type Context } from '@restatedev/restate-sdk';
import { workerConfig } from '../../services/config/config.ts';
import { RestateAdmin } from '../../services/restate/admin.ts';

const config = workerConfig(process.env);
const echo = service({
  name: 'Echo',
  handlers: {
    say: async (_ctx: Context, text: string) => text,
    // Waits in Restate, not here, so that a test can move the worker meanwhile.
    later: async (ctx: Context, { text, waitMs }: { text: string; waitMs: number }) => {
      await ctx.sleep(waitMs);
      return text;
    },
  },
});
const server = createServer(createEndpointHandler({ services: [echo] }));
const sessions = new Set<ServerHttp2Session>();
server.on('session', (session) => sessions.add(session));
await new Promise<void>((listening) => server.listen(config.port, config.host, listening));
await new RestateAdmin(config.restateAdminUrl).registerDeployment(`${config.workerUrl}/build`);
process.send?.({ ready: true, url: config.workerUrl });

const stop = (): void => process.exit(0);
process.on('SIGTERM', stop);
process.on('disconnect', stop);
