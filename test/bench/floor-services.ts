import { implement, iface, type ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';

interface FloorState {
  readonly last: number;
}

/**
 * A publish that does no work: the same calls, sends, state changes and durable steps as ours, in the same order and
 * with the same options. Its closures return immediately. It measures the cost of Restate itself, which is the lower
 * bound for our publish.
 */
export const FloorTenant = iface.object('FloorTenant', {
  publish: iface.json<{ bundle: string }, { version: number }>(),
  swap: iface.json<{ bundle: string; version: number }, { generation: number }>(),
  settled: iface.json<{ bundle: string; version: number }, null>(),
});

export const FloorRelease = iface.workflow('FloorRelease', {
  run: iface.json<{ source: string }, { outcome: string }>(),
});

const nothing = (): { kind: string } => ({ kind: 'done' });

async function read(ctx: ObjectContext, bundle: string): Promise<FloorState> {
  return (await ctx.get<FloorState>(`bundle:${bundle}`)) ?? { last: 0 };
}

export const floorTenant = implement(FloorTenant, {
  handlers: {
    async publish(ctx, { bundle }) {
      const { last } = await read(ctx, bundle);
      const version = last + 1;
      await ctx.run('admit release', nothing, stepRetries.whileHoldingTenant);
      ctx.set(`bundle:${bundle}`, { last: version });
      const handle = ctx
        .sendClient(FloorRelease, `${ctx.key}/${bundle}/v${version}`)
        .run({ source: 'sha256:0' });
      ctx.set(`bundle:${bundle}`, { last: version, invocationId: await handle.invocationId });
      return { version };
    },
    async swap(ctx, { bundle }) {
      const state = await read(ctx, bundle);
      await ctx.run('move pointer', nothing, stepRetries.whileHoldingTenant);
      ctx.set(`bundle:${bundle}`, state);
      return { generation: 1 };
    },
    async settled(ctx, { bundle }) {
      ctx.set(`bundle:${bundle}`, await read(ctx, bundle));
      return null;
    },
  },
  options: { enableLazyState: true },
});

export const floorRelease = implement(FloorRelease, {
  handlers: {
    async run(ctx) {
      const [tenant = '', bundle = '', version = ''] = ctx.key.split('/');
      const swap = { bundle, version: Number(version.slice(1)) };
      await ctx.run('validate source', nothing, stepRetries.insideRelease);
      await ctx.run('compile artifact', nothing, stepRetries.insideRelease);
      await ctx.run('store artifact', nothing, stepRetries.insideRelease);
      await ctx.client(FloorTenant, tenant).swap(swap);
      await ctx.run('announce move', nothing, stepRetries.insideRelease);
      await ctx.run('settle release', nothing, stepRetries.insideRelease);
      ctx.sendClient(FloorTenant, tenant).settled(swap);
      return { outcome: 'published' };
    },
  },
});
