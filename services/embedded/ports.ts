import { randomInt } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { z } from 'zod';
import { parseJsonAs } from '../../core/json/parse-json.ts';
import { readRegularFile } from '../config/regular-file.ts';
import { serverLimits } from './limits.ts';

/**
 * The ports that a home keeps between starts, by name. Kept because addresses are remembered elsewhere: Restate stores the
 * address of every deployment. `file` null keeps them in memory only.
 */
export class PortBook {
  readonly #file: string | null;
  readonly #ports: Map<string, number>;

  private constructor(file: string | null, ports: Map<string, number>) {
    this.#file = file;
    this.#ports = ports;
  }

  /** A book that ends with the process. */
  static inMemory(): PortBook {
    return new PortBook(null, new Map());
  }

  /** Reads the book; a missing or unreadable file is an empty book, since every port in it can be chosen anew. */
  static open(file: string): PortBook {
    return new PortBook(file, new Map(Object.entries(readPorts(file) ?? {})));
  }

  /** The port last kept under that name, or null. It may be taken by now. */
  kept(name: string): number | null {
    return this.#ports.get(name) ?? null;
  }

  /** A port under that name that is free now: the kept one if possible, or else a new one, which is then kept. */
  async free(name: string): Promise<number> {
    const kept = this.#ports.get(name);
    if (kept !== undefined && (await isPortFree(kept))) return kept;
    return this.renew(name);
  }

  /** Gives up the kept port and keeps another. */
  async renew(name: string): Promise<number> {
    const port = await pickPort(new Set(this.#ports.values()));
    this.#ports.set(name, port);
    if (this.#file !== null)
      await writeWhole(this.#file, JSON.stringify(Object.fromEntries(this.#ports), null, 2));
    return port;
  }
}

/** A server did not start because somebody listens on its port already. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

/**
 * Starts a server on the kept ports of those names. Between the check and the server's own bind somebody else can take a
 * port, so that a start which ends in {@link PortTakenError} is tried again with new ones, {@link serverLimits.portAttempts} times.
 */
export async function startOnPorts<N extends string, T>(
  book: PortBook,
  names: readonly N[],
  start: (ports: Record<N, number>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const ports = {} as Record<N, number>;
    for (const name of names) ports[name] = attempt === 1 ? await book.free(name) : await book.renew(name);
    try {
      return await start(ports);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === serverLimits.portAttempts) throw error;
    }
  }
}

/** Whether a server could listen there now. Another answer is possible a moment later. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once('error', () => resolve(false));
  probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  return promise;
}

const PortFile = z.record(z.string(), z.number().int().min(1).max(65_535));

// Below the range from which Linux and macOS take the ports of outgoing connections, so that none of those ever sits on one.
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;

async function pickPort(not: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (!not.has(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`no free port on 127.0.0.1 between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

async function writeWhole(file: string, text: string): Promise<void> {
  const half = `${file}.half`;
  await writeFile(half, text + '\n', { mode: 0o600 });
  await rename(half, file);
}

function readPorts(file: string): z.infer<typeof PortFile> | null {
  try {
    return parseJsonAs(PortFile, readRegularFile(file, serverLimits.portsFileBytes).toString('utf8'));
  } catch {
    return null;
  }
}
