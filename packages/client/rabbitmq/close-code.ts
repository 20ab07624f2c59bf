/**
 * The reply codes with which the broker closes a channel (AMQP 0-9-1, "Reply codes"). Only those that this
 * code handles are listed.
 */
export type CloseCode = 'access_refused' | 'not_found' | 'precondition_failed';

const CODES: Readonly<Record<number, CloseCode>> = {
  403: 'access_refused',
  404: 'not_found',
  406: 'precondition_failed',
};

/**
 * Returns the reply code of an error. Returns null if the error has another cause, for example a lost
 * connection.
 */
export function closeCode(error: unknown): CloseCode | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'number' ? (CODES[code] ?? null) : null;
}
