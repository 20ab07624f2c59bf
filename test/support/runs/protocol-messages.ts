/**
 * Parses the messages that the SDK sends to the server during an invocation. Each message begins with a header: a
 * type of two bytes, flags of two bytes and a length of four (Restate service protocol, "Message header"). The header
 * is enough to stop a worker between any two messages.
 */
export interface ProtocolMessage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const NAMES: Readonly<Record<number, string>> = {
  0x0001: 'Suspension',
  0x0002: 'Error',
  0x0003: 'End',
  0x0004: 'CommandAck',
  0x0005: 'ProposeRunCompletion',
  0x0006: 'AwaitingOn',
  0x0400: 'Input',
  0x0401: 'Output',
  0x0402: 'GetLazyState',
  0x0403: 'SetState',
  0x0404: 'ClearState',
  0x0405: 'ClearAllState',
  0x0406: 'GetLazyStateKeys',
  0x0407: 'GetEagerState',
  0x0408: 'GetEagerStateKeys',
  0x040c: 'Sleep',
  0x040d: 'Call',
  0x040e: 'OneWayCall',
  0x0410: 'SendSignal',
  0x0411: 'Run',
};

/** @throws if the bytes do not end at the end of a message, because the SDK always writes whole messages */
export function cutMessages(chunk: Uint8Array): ProtocolMessage[] {
  const messages: ProtocolMessage[] = [];
  let at = 0;
  while (at < chunk.length) {
    const length = new DataView(chunk.buffer, chunk.byteOffset + at).getUint32(4);
    const bytes = chunk.subarray(at, at + 8 + length);
    if (bytes.length !== 8 + length) throw new Error('a message was cut in two');
    const type = typeOf(bytes);
    messages.push({ name: NAMES[type] ?? `0x${type.toString(16).padStart(4, '0')}`, bytes });
    at += bytes.length;
  }
  return messages;
}

function typeOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
}
