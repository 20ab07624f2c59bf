/** An unparsed response from the API. */
export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Returns a header of a response, or null. */
export function headerOf(answer: ApiResponse, name: string): string | null {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : null;
}
