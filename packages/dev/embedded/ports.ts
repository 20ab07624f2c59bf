import { randomInt } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { z } from 'zod';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { readRegularFile } from '@pointsman/protocol/files/regular-file';
import { serverLimits } from './limits.ts';

/**
 * The ports of a data directory, by name. They are stored on disk because other systems store the addresses;
 * Restate, for example, stores the address of every deployment. If `file` is null, they are only in memory.
 */
export class PortBook {
  readonly #file: string | null;
  readonly #ports: Map<string, number>;

  private constructor(file: string | null, ports: Map<string, number>) {
    this.#file = file;
    this.#ports = ports;
  }

  /** A port book in memory only. */
  static inMemory(): PortBook {
    return new PortBook(null, new Map());
  }

  /**
   * Reads the port book. A missing or unreadable file counts as empty, because every port can be chosen
   * again.
   */
  static open(file: string): PortBook {
    return new PortBook(file, new Map(Object.entries(readPorts(file) ?? {})));
  }

  /** Returns the stored port with this name, or null. Another process may be using it. */
  stored(name: string): number | null {
    return this.#ports.get(name) ?? null;
  }

  /**
   * Returns a free port for this name: the stored port if it is free, otherwise a new one, which is then
   * stored.
   */
  async free(name: string): Promise<number> {
    const stored = this.#ports.get(name);
    if (stored !== undefined && (await isPortFree(stored))) return stored;
    return this.renew(name);
  }

  /** Replaces the stored port with a new one. */
  async renew(name: string): Promise<number> {
    const port = await pickPort(new Set(this.#ports.values()));
    this.#ports.set(name, port);
    if (this.#file !== null)
      await writeAtomically(this.#file, JSON.stringify(Object.fromEntries(this.#ports), null, 2));
    return port;
  }
}

/** A server did not start because another process listens on its port. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

/**
 * Starts a server on the stored ports with these names. Another process can take a port between the check and
 * the server's own bind. A start that ends with {@link PortTakenError} is therefore retried with new ports,
 * {@link serverLimits.portAttempts} times.
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

/** Whether a server could listen on the port now. The result may change a moment later. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once('error', () => resolve(false));
  probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  return promise;
}

const PortFile = z.record(z.string(), z.number().int().min(1).max(65_535));

// The ports are below the range that Linux and macOS use for outgoing connections.
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
