/** Why the broker closed a channel (AMQP 0-9-1, "Reply codes"), as far as somebody here acts on it. */
export type CloseCode = 'access_refused' | 'not_found' | 'precondition_failed';

const CODES: Readonly<Record<number, CloseCode>> = {
  403: 'access_refused',
  404: 'not_found',
  406: 'precondition_failed',
};

/** Null when it was anything else: the connection was lost, say. */
export function closeCode(error: unknown): CloseCode | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'number' ? (CODES[code] ?? null) : null;
}
