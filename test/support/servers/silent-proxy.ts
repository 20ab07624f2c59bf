import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A proxy between a client and a server. It can stop forwarding bytes without closing a connection, like a firewall that lost its state or
 * a host that lost power.
 */
export interface SilentProxy {
  readonly port: number;
  /** From now on the proxy accepts connections and bytes, but forwards nothing and closes nothing. */
  swallow(): void;
  /** Swallows all further bytes of the connections that are open now. It still forwards new connections. */
  swallowOpen(): void;
  /** From now on the proxy resets every connection, open or new. */
  reset(): void;
  /** From now on the proxy forwards requests, but not responses. */
  swallowAnswers(): void;
  /** Forwards everything again. The swallowed bytes are lost, so the connections that lost bytes are closed. */
  heal(): void;
  /** Resolves as soon as `bytes` more bytes have been forwarded to the server, which is then in the middle of a transfer. */
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
