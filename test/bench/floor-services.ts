import { implement, iface, type ObjectContext } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';

interface FloorState {
  readonly last: number;
}

/**
 * A publish that does no work: an object, a workflow with one step, and the object again, as a publish needs at
 * least. Its closures return immediately. It measures the cost of Restate itself, which is the lower bound for our
 * publish. It must not change with the product, so that results of different versions can be compared.
 */
export const FloorTenant = iface.object('FloorTenant', {
  publish: iface.json<{ bundle: string }, { version: number }>(),
  swap: iface.json<{ bundle: string; version: number }, { generation: number }>(),
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
      const version = (await read(ctx, bundle)).last + 1;
      await ctx.run('admit release', nothing, stepRetries.whileHoldingTenant);
      ctx.set(`bundle:${bundle}`, { last: version });
      ctx.sendClient(FloorRelease, `${ctx.key}/${bundle}/v${version}`).run({ source: 'sha256:0' });
      return { version };
    },
    async swap(ctx, { bundle }) {
      const state = await read(ctx, bundle);
      await ctx.run('move pointer', nothing, stepRetries.whileHoldingTenant);
      ctx.set(`bundle:${bundle}`, state);
      return { generation: 1 };
    },
  },
  options: { enableLazyState: true },
});

export const floorRelease = implement(FloorRelease, {
  handlers: {
    async run(ctx) {
      const [tenant = '', bundle = '', version = ''] = ctx.key.split('/');
      await ctx.run('prepare release', nothing, stepRetries.insideRelease);
      await ctx.client(FloorTenant, tenant).swap({ bundle, version: Number(version.slice(1)) });
      return { outcome: 'published' };
    },
  },
});
