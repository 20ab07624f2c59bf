import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A proxy between a client and a server. It can stop passing bytes on without closing a connection, like a
 * firewall that dropped its state or a host that lost its power.
 */
export interface SilentProxy {
  readonly port: number;
  /** From now on it accepts connections and bytes, but passes nothing on and closes nothing. */
  swallow(): void;
  /** Does the same for the connections that are open now. New connections are passed on. */
  swallowOpen(): void;
  /** From now on it resets every connection, open or new. */
  reset(): void;
  /** From now on it passes requests on, but not responses. */
  swallowAnswers(): void;
  /**
   * Passes everything on again. The swallowed bytes are lost, so the connections that lost bytes are closed.
   */
  heal(): void;
  /**
   * Resolves as soon as so many more bytes have been passed to the server, which is in the middle of a
   * transfer.
   */
  transferred(bytes: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startSilentProxy(targetPort: number): Promise<SilentProxy> {
  const sockets = new Set<Socket>();
  const forgotten = new WeakSet<Socket>();
  const waiting = new Set<{ left: number; reached: () => void }>();
  let swallows: 'nothing' | 'answers' | 'all' = 'nothing';
  let resets = false;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const passOn = (from: Socket, to: Socket, isAnswer: boolean): void => {
    const isSilent = () => swallows === 'all' || (swallows === 'answers' && isAnswer) || forgotten.has(from);
    from.on('data', (chunk) => {
      if (!isSilent()) to.write(chunk);
    });
    from.on('close', () => {
      if (!isSilent()) to.destroy();
    });
  };
  const count = ({ length }: Buffer): void => {
    if (swallows === 'all') return;
    for (const one of waiting) {
      one.left -= length;
      if (one.left > 0) continue;
      waiting.delete(one);
      one.reached();
    }
  };
  const server = createServer((client) => {
    keep(client);
    if (resets) {
      client.resetAndDestroy();
      return;
    }
    if (swallows === 'all') {
      client.resume();
      return;
    }
    const target = keep(connect(targetPort, '127.0.0.1'));
    client.on('data', count);
    passOn(client, target, false);
    passOn(target, client, true);
  });
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => void (swallows = 'all'),
    swallowOpen: () => {
      for (const socket of sockets) forgotten.add(socket);
    },
    reset: () => {
      resets = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    swallowAnswers: () => void (swallows = 'answers'),
    heal: () => {
      cutAll();
      swallows = 'nothing';
      resets = false;
    },
    transferred: (bytes) =>
      new Promise((reached) => {
        waiting.add({ left: bytes, reached });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cutAll();
      }),
  };
}
