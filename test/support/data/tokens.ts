import type { Role } from '../../../packages/protocol/access.ts';
import type { TestAnswer, TestApi, TestCall } from '../processes/api.ts';

/** A token as the API returns it to the person who created it. */
export interface MadeToken {
  readonly id: string;
  readonly token: string;
}

/** Creates a token as the admin. */
export async function madeToken(
  api: TestApi,
  json: { readonly name: string; readonly tenant?: string; readonly roles: readonly Role[] },
): Promise<MadeToken> {
  const answer = await api.call('POST', '/v1/tokens', { json });
  if (answer.status !== 201) throw new Error(`the token was not made: ${answer.text}`);
  return { id: String(answer.json['id']), token: String(answer.json['token']) };
}

/** Adds the token to the headers of a call. */
export function as(token: string, call: TestCall = {}): TestCall {
  return { ...call, headers: { ...call.headers, authorization: `Bearer ${token}` } };
}

/** The status and the body of a response, without the request's id and path, which differ between requests. */
export function shown({ status, text, json }: TestAnswer): unknown[] {
  return [status, text.replace(String(json['requestId']), '').replace(String(json['instance']), '')];
}

/** The items of one page of a list. */
export function itemsOf({ json }: TestAnswer): Record<string, unknown>[] {
  return json['items'] as Record<string, unknown>[];
}
