import { accepted, type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { waitingGates, withPolicy } from '../support/data/gates.ts';
import { type BenchRow, drive, latencies, Series } from './measure.ts';
import { ourPublish } from './publish.ts';

const APPROVAL = [{ approval: { name: 'release', within: '1h' } }];

/**
 * Measures publishes of one bundle while 500 other releases of the same tenant wait at their gates. For comparison,
 * it measures the same publishes before any release waits.
 */
export async function benchWaiting(plane: ControlPlane): Promise<BenchRow[]> {
  const tenant = await newTenant(plane);
  await withPolicy(plane, tenant, APPROVAL, 'gated');
  const publishes = async (): Promise<Series> => {
    const series = new Series();
    await drive(series, { count: 200, clients: 1 }, () => ourPublish(plane, tenant));
    return series;
  };
  await publishes();
  const alone = await publishes();
  await waitAtGates(plane, tenant, 500);
  const among = await publishes();
  return [
    {
      name: 'publish accepted → settled, with 500 releases of the tenant at their gates, beside none',
      measured: latencies(among),
      floor: latencies(alone),
      ratio: among.percentile(50) / alone.percentile(50),
      aim: 'at most 1.2 ×',
    },
  ];
}

/**
 * Measures one tenant's publishes in three situations: while 1,000 releases of another tenant wait at their gates,
 * while that tenant submits 1,000 publishes, and while 1,000 releases of that tenant compile.
 */
export async function benchFairness(plane: ControlPlane): Promise<BenchRow[]> {
  const [busy, quiet] = [await newTenant(plane), await newTenant(plane)];
  await withPolicy(plane, busy, APPROVAL, 'gated');
  const publishes = async (count = 100): Promise<Series> => {
    const series = new Series();
    await drive(series, { count, clients: 1 }, () => ourPublish(plane, quiet));
    return series;
  };
  await publishes();
  const alone = await publishes();
  await waitAtGates(plane, busy, 1_000);
  const besideWaiting = await publishes();
  const storm = handIn(plane, busy, 1_000, (index) => [`handed-in-${index}`, documents(index)]);
  await storm.risen;
  const besideStorm = await publishes();
  await storm.over;
  const allSettle = 'all that was handed in is published';
  await eventually(async () => (await settledReleases(plane, busy)) === 1_000, { what: allSettle });
  await handIn(plane, busy, 1_000, (index) => [`compiling-${index}`, slowToCompile(index)]).over;
  const besideCompiling = await publishes();
  const compiled = (await settledReleases(plane, busy)) - 1_000;
  const row = (name: string, series: Series): BenchRow => ({
    name,
    measured: latencies(series),
    floor: latencies(alone),
    ratio: series.percentile(50) / alone.percentile(50),
  });
  return [
    row('publish of a tenant while another has 1,000 releases at their gates, beside none', besideWaiting),
    row('the same while 1,000 of another are handed in, eight at a time', besideStorm),
    row(`the same while 1,000 of another compile (${compiled} have settled at the end)`, besideCompiling),
  ];
}

async function waitAtGates(plane: ControlPlane, tenant: string, count: number): Promise<void> {
  await drive(new Series(), { count, clients: 16 }, async (index) => {
    await accepted(plane, tenant, { bundle: `waiting-${index}`, channel: 'gated' });
    return 0;
  });
  await waitingGates(plane, tenant, count);
}

/** Submits `count` publishes, each of its own bundle. `risen` resolves when the first 100 are accepted. */
function handIn(
  plane: ControlPlane,
  tenant: string,
  count: number,
  what: (index: number) => [bundle: string, files: Record<string, string>],
) {
  const { promise: risen, resolve } = Promise.withResolvers<void>();
  const over = drive(new Series(), { count, clients: 8 }, async (index) => {
    const [bundle, files] = what(index);
    await accepted(plane, tenant, { bundle, files });
    if (index === 100) resolve();
    return 0;
  });
  return { risen, over };
}

/**
 * A source whose pattern backtracks for a quarter of a second. A thousand such sources keep a processor busy for the
 * whole measurement.
 */
function slowToCompile(index: number): Record<string, string> {
  return {
    'pointsman.yaml':
      'apiVersion: pointsman/v1\ndocuments: [{ include: ["*.json"], schema: slow.schema.json }]\n',
    'slow.schema.json': JSON.stringify({
      properties: { text: { anyOf: [{ pattern: '^(a+)+$' }, { type: 'string' }] } },
    }),
    'document.json': JSON.stringify({ index, text: `${'a'.repeat(24)}b` }),
  };
}

function documents(index: number): Record<string, string> {
  const lines = (n: number): string =>
    Array.from({ length: 60 }, (_none, line) => `key-${line}: [${index}, ${n}, ${line}]`).join('\n');
  return Object.fromEntries(Array.from({ length: 20 }, (_none, n) => [`agents/${n}.yaml`, lines(n)]));
}

async function settledReleases(plane: ControlPlane, tenant: string): Promise<number> {
  const rows = await plane.db.call(
    tenant,
    `SELECT count(*)::int AS n FROM releases WHERE tenant = $1 AND status = 'settled'`,
    [tenant],
  );
  return Number(rows[0]?.['n']);
}
