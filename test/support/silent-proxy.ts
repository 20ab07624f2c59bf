import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a server, and can fall silent without closing anything: a firewall that forgot, a host that is gone. */
export interface SilentProxy {
  readonly port: number;
  /** From now on it takes connections and bytes, passes nothing on and closes nothing. */
  swallow(): void;
  /** Passes on again. What was swallowed is lost, so that the connections it was lost from are cut. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startSilentProxy(targetPort: number): Promise<SilentProxy> {
  const sockets = new Set<Socket>();
  let swallows = false;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const passOn = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (!swallows) to.write(chunk);
    });
    from.on('close', () => {
      if (!swallows) to.destroy();
    });
  };
  const server = createServer((client) => {
    keep(client);
    if (swallows) {
      client.resume();
      return;
    }
    const target = keep(connect(targetPort, '127.0.0.1'));
    passOn(client, target);
    passOn(target, client);
  });
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => void (swallows = true),
    heal: () => {
      cutAll();
      swallows = false;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cutAll();
      }),
  };
}
