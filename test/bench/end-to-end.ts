import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  type BenchStack,
  bundlePath,
  type LivePointer,
  newPointer,
  nextMove,
  PARTS,
  startBenchStack,
} from './bench-stack.ts';
import { type BenchRow, drive, latencies, Series } from './measure.ts';

/** The commit with which the current one is compared. Its publish journaled seven steps and compiled twice. */
const BEFORE = '1b6f6eb';
const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 4;

/** What one stack has taken in all rounds. */
interface Measured {
  readonly stack: BenchStack;
  /** The time until the POST was answered, and until a long-poll that was open before it returned the new release. */
  readonly answered: Series;
  readonly live: Series;
  /** Whole publishes, from the POST until live, by the number of clients. */
  readonly rates: ReadonlyMap<number, Series>;
  /** The processor time of all publishes that {@link rates} counts, by part, in milliseconds. */
  readonly cpuMs: Record<string, number>;
  memoryMiB: number;
  diskMiB: number;
}

const CLIENTS = [8, 64] as const;

/**
 * Measures publishes through the HTTP API and compares them with the same publishes of an earlier commit. Both stacks run as `npm start`
 * runs them, on the same machine, and take turns.
 */
export async function benchEndToEnd(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-before-'));
  const prepared = process.env['POINTSMAN_BENCH_BEFORE'];
  const checkout = prepared ?? folder;
  if (prepared === undefined) checkOut(folder);
  const measured: Measured[] = [];
  try {
    for (const root of [ROOT, checkout]) measured.push(measuring(await startBenchStack(root)));
    for (let round = 0; round <= ROUNDS; round++)
      for (const one of measured) await measure(one, `round-${round}`, round === 0);
    for (const one of measured) await measureGrowth(one);
    const [now, before] = measured;
    if (now === undefined || before === undefined) throw new Error('two stacks are compared');
    return rows(now, before);
  } finally {
    for (const { stack } of measured) await stack.stop();
    if (prepared === undefined) execFileSync('git', ['worktree', 'remove', '--force', folder], { cwd: ROOT });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Checks the earlier commit out and installs its packages, which needs the npm registry. */
function checkOut(folder: string): void {
  execFileSync('git', ['worktree', 'add', '--detach', folder, BEFORE], { cwd: ROOT, stdio: 'ignore' });
  if (!existsSync(join(folder, 'package.json'))) throw new Error(`${BEFORE} is not in this repository`);
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' });
}

function measuring(stack: BenchStack): Measured {
  return {
    stack,
    answered: new Series(),
    live: new Series(),
    rates: new Map(CLIENTS.map((clients) => [clients, new Series()])),
    cpuMs: Object.fromEntries(PARTS.map((part) => [part, 0])),
    memoryMiB: 0,
    diskMiB: 0,
  };
}

let made = 0;

/** A small source whose content is different in each publish. */
function smallSource(): Record<string, string> {
  made += 1;
  return { 'agent.yaml': `name: support\ntemperature: 0.2\nrevision: ${made}\n`, 'prompt.md': 'Be kind.\n' };
}

/** Creates tenants, each with one published release. */
async function newPointers(stack: BenchStack, prefix: string, count: number): Promise<LivePointer[]> {
  return Promise.all(
    Array.from({ length: count }, (_none, n) => newPointer(stack, `${prefix}-${n}`, smallSource())),
  );
}

/**
 * Publishes, and returns the time from the POST until a long-poll that was open before it returned the new release.
 * @param files the source; by default a small one
 */
async function publish(
  stack: BenchStack,
  pointer: LivePointer,
  answered: Series | null = null,
  files: Readonly<Record<string, string>> = smallSource(),
): Promise<number> {
  const moved = nextMove(stack, pointer);
  const began = performance.now();
  await stack.call('POST', `${bundlePath(pointer.tenant)}/releases`, { json: { files } });
  answered?.add(performance.now() - began);
  await moved;
  return performance.now() - began;
}

async function measure(measured: Measured, prefix: string, isWarmUp: boolean): Promise<void> {
  const { stack } = measured;
  const pointers = await newPointers(stack, prefix, 64);
  const pick = (client: number): LivePointer => {
    const pointer = pointers[client % pointers.length];
    if (pointer === undefined) throw new Error('there are 64 pointers');
    return pointer;
  };
  const target = isWarmUp ? measuring(stack) : measured;
  await drive(target.live, { count: 80, clients: 1 }, (i) => publish(stack, pick(i), target.answered));
  const before = stack.cpuMs();
  for (const [clients, series] of target.rates)
    await drive(series, { count: 640, clients }, (_i, client) => publish(stack, pick(client)));
  const after = stack.cpuMs();
  for (const part of PARTS) target.cpuMs[part] = (target.cpuMs[part] ?? 0) + after[part] - before[part];
}

/** Measures how much memory and disk 1,000 publishes add. */
async function measureGrowth(measured: Measured): Promise<void> {
  const { stack } = measured;
  const pointers = await newPointers(stack, 'growth', 8);
  const sum = (parts: Record<string, number>): number =>
    Object.values(parts).reduce((total, value) => total + value, 0);
  const before = { memory: sum(stack.memoryMiB()), disk: stack.diskMiB() };
  await drive(new Series(), { count: 1_000, clients: 8 }, (_i, client) => {
    const pointer = pointers[client];
    if (pointer === undefined) throw new Error('there are 8 pointers');
    return publish(stack, pointer);
  });
  measured.memoryMiB = sum(stack.memoryMiB()) - before.memory;
  measured.diskMiB = stack.diskMiB() - before.disk;
}

function rows(now: Measured, before: Measured): BenchRow[] {
  const row = (name: string, pick: (measured: Measured) => [string, number], aim?: string): BenchRow => {
    const [[measured, value], [floor, other]] = [pick(now), pick(before)];
    return { name, measured, floor, ratio: value / other, ...(aim === undefined ? {} : { aim }) };
  };
  const published = ({ rates }: Measured): number =>
    [...rates.values()].reduce((total, { count }) => total + count, 0);
  const cpu =
    (part: string) =>
    (measured: Measured): [string, number] => {
      const ms = (measured.cpuMs[part] ?? 0) / published(measured);
      return [`${ms.toFixed(2)} ms`, ms];
    };
  const allCpu = (measured: Measured): [string, number] => {
    const ms = PARTS.reduce((total, part) => total + (measured.cpuMs[part] ?? 0), 0) / published(measured);
    return [`${ms.toFixed(2)} ms`, ms];
  };
  return [
    row('POST answered, one client', ({ answered }) => [latencies(answered), answered.percentile(50)]),
    row(
      'POST → live seen by a long-poll, one client',
      ({ live }) => [latencies(live), live.percentile(50)],
      'at most 0.6 ×',
    ),
    ...CLIENTS.map((clients) =>
      row(
        `publishes a second, ${clients} clients`,
        ({ rates }) => {
          const series = rates.get(clients) ?? new Series();
          return [`${series.perSecond.toFixed(0)}/s, ${latencies(series)}`, series.perSecond];
        },
        'at least 2 ×',
      ),
    ),
    row('processor time of a publish', allCpu, 'at most 0.5 ×'),
    ...PARTS.map((part) => row(`processor time of a publish: ${part}`, cpu(part))),
    row('memory added by 1,000 publishes', ({ memoryMiB }) => [`${memoryMiB.toFixed(1)} MiB`, memoryMiB]),
    row('disk added by 1,000 publishes', ({ diskMiB }) => [`${diskMiB.toFixed(1)} MiB`, diskMiB]),
  ];
}
