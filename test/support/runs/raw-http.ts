import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A response as it was read from the socket. */
export interface RawResponse {
  readonly status: number;
  /** The keys are the names of the headers in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Opens a connection on which the test chooses every byte that is sent, and when to read. */
export async function openSocket(
  url: string,
  options: { readonly localAddress?: string } = {},
): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ...options });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Sends the bytes, and reads until the server closes the connection. */
export async function exchange(url: string, bytes: string | Uint8Array): Promise<RawResponse> {
  const socket = await openSocket(url);
  socket.write(bytes);
  return responseOn(socket);
}

/** Reads until the server closes the connection. */
export async function responseOn(socket: Socket): Promise<RawResponse> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  const text = Buffer.concat(chunks).toString('latin1');
  // Removes the interim response `100 Continue`, which precedes the response to a request that expects it.
  const [head = '', ...body] = text.replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '').split('\r\n\r\n');
  const [status = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(status.split(' ')[1] ?? Number.NaN),
    headers: new Map(headers),
    body: body.join('\r\n\r\n'),
  };
}
