// Replaces services/worker in tests of the stack itself: it serves durable services and registers them as the worker does.
import { createServer, type ServerHttp2Session } from 'node:http2';
import {
  createEndpointHandler,
  service,
  workflow,
  type Context,
  type WorkflowContext,
  type WorkflowSharedContext,
} from '@restatedev/restate-sdk';
import { workerConfig } from '../../../services/config/config.ts';
import { RestateAdmin } from '../../../services/restate/admin.ts';

const config = workerConfig(process.env);
const echo = service({
  name: 'Echo',
  handlers: { say: async (_ctx: Context, text: string) => text },
});
// Restate waits instead of this process, so a test can restart the worker during the wait.
const wait = workflow({
  name: 'Wait',
  handlers: {
    run: async (ctx: WorkflowContext) => ctx.promise<string>('word'),
    say: async (ctx: WorkflowSharedContext, word: string) => {
      await ctx.promise<string>('word').resolve(word);
      return word;
    },
  },
});
const server = createServer(createEndpointHandler({ services: [echo, wait] }));
const sessions = new Set<ServerHttp2Session>();
server.on('session', (session) => sessions.add(session));
await new Promise<void>((listening) => server.listen(config.port, config.host, listening));
await new RestateAdmin(config.restateAdminUrl).registerDeployment(`${config.workerUrl}/build`);
process.send?.({ ready: true, url: config.workerUrl });

const stop = (): void => process.exit(0);
process.on('SIGTERM', stop);
process.on('disconnect', stop);
