/** A response of the API, before it is parsed. */
export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Returns the value of a response header. Returns null if the header is missing or repeated. */
export function headerOf(answer: ApiResponse, name: string): string | null {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : null;
}
