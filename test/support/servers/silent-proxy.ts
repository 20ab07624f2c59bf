import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a server, and can fall silent without closing anything: a firewall that forgot, a host that is gone. */
export interface SilentProxy {
  readonly port: number;
  /** From now on it takes connections and bytes, passes nothing on and closes nothing. */
  swallow(): void;
  /** The same for the connections that are open now; those that come are passed on. */
  swallowOpen(): void;
  /** From now on it resets every connection, those that are open and those that come. */
  reset(): void;
  /** From now on what is said is passed on, and what is answered is not. */
  swallowAnswers(): void;
  /** Passes on again. What was swallowed is lost, so that the connections it was lost from are cut. */
  heal(): void;
  /** Resolves in the moment in which so many more bytes have been passed to the server: in the middle of what somebody tells it. */
  told(bytes: number): Promise<void>;
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
    told: (bytes) =>
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
