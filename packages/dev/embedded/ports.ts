import { randomInt } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { z } from 'zod';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { readRegularFile } from '@pointsman/protocol/files/regular-file';
import { serverLimits } from './limits.ts';

/**
 * The ports of the servers of one data directory, by the server's name. They are stored on disk, because
 * other systems store the addresses too. Restate, for example, stores the address of the worker. If `file` is
 * null, the ports are kept only in memory.
 */
export class PortBook {
  readonly #file: string | null;
  readonly #ports: Map<string, number>;

  private constructor(file: string | null, ports: Map<string, number>) {
    this.#file = file;
    this.#ports = ports;
  }

  /** Returns an instance without stored ports. Its ports are kept only in memory. */
  static inMemory(): PortBook {
    return new PortBook(null, new Map());
  }

  /**
   * Reads the stored ports from the file. A missing or unreadable file counts as empty, because new ports can
   * be chosen.
   */
  static open(file: string): PortBook {
    return new PortBook(file, new Map(Object.entries(readPorts(file) ?? {})));
  }

  /** Returns the stored port with this name, or null. The port may be in use by another process. */
  stored(name: string): number | null {
    return this.#ports.get(name) ?? null;
  }

  /** Returns a free port for this name. If the stored port is not free, chooses a new one and stores it. */
  async free(name: string): Promise<number> {
    const stored = this.#ports.get(name);
    if (stored !== undefined && (await isPortFree(stored))) return stored;
    return this.renew(name);
  }

  /** Chooses a new port for this name and stores it. */
  async renew(name: string): Promise<number> {
    const port = await pickPort(new Set(this.#ports.values()));
    this.#ports.set(name, port);
    if (this.#file !== null)
      await writeAtomically(this.#file, JSON.stringify(Object.fromEntries(this.#ports), null, 2));
    return port;
  }
}

/** A server could not start because another process is using its port. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

/**
 * Starts a server on the stored ports with these names. Another process may take a port between the check and
 * the start. If `start` therefore throws {@link PortTakenError}, it is called again with new ports. Makes at
 * most {@link serverLimits.portAttempts} attempts.
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

/** Returns whether the port is free. Another process may take it a moment later. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once('error', () => resolve(false));
  probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  return promise;
}

const PortFile = z.record(z.string(), z.number().int().min(1).max(65_535));

// The range from which ports are chosen. It is below the range that Linux and macOS use for outgoing
// connections.
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;

async function pickPort(not: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (!not.has(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`no free port on 127.0.0.1 between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.half`;
  await writeFile(temporary, text + '\n', { mode: 0o600 });
  await rename(temporary, file);
}

function readPorts(file: string): z.infer<typeof PortFile> | null {
  try {
    return parseJsonAs(PortFile, readRegularFile(file, serverLimits.portsFileBytes).toString('utf8'));
  } catch {
    return null;
  }
}
