import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { Logger } from 'pino';
import { z } from 'zod';

import type { Action } from '@pointsman/protocol/access';
import type { ErrorCode } from '@pointsman/protocol/errors';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { FindToken, Principal } from '../access/access.ts';
import type { Connection } from './connection.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import type { Shares } from '../access/shares.ts';
import type { UnsentBytes } from '../access/unsent-bytes.ts';

/** Data that an endpoint reads in the same query as the caller's token. */
export interface TokenContext {
  /** Finds the caller's token. It is not called for a caller whose token is not stored. */
  readonly find: FindToken;
}

/** The validated request that a handler receives. */
export interface Call<P, Q, H, B, C = null> {
  readonly params: P;
  readonly query: Q;
  readonly headers: H;
  readonly body: B;
  /** What the endpoint's `context` returned. */
  readonly context: C;
  /** The authenticated caller. Null if the endpoint does not require authentication. */
  readonly principal: Principal | null;
  readonly ids: RequestIds;
  readonly log: Logger;
  /**
   * Declares which release the request concerns, if the path does not name it. The access log line and the response then contain the
   * release's correlation ID.
   */
  readonly about: (release: ReleaseId) => void;
  /** The original HTTP request, for an endpoint that reads the body itself. */
  readonly request: Request;
  /** Aborts when the response has been sent or the connection is closed. */
  readonly signal: AbortSignal;
  /** The address from which the request came, see {@link Connection.source}. */
  readonly source: string;
  /**
   * Takes the amount from the caller's share of a resource until the response has been sent or the connection is closed. Throws `busy` if
   * the share is exhausted.
   */
  readonly occupy: (shares: Shares, amount: number) => void;
  /**
   * Counts the unsent buffers of an event stream against the caller's share of response memory. The counting ends when the response has
   * been sent or the connection is closed.
   */
  readonly countUnsent: () => UnsentBytes;
  /** Registers a callback that runs when the response has been sent or the connection is closed. */
  readonly onceSent: Connection['onceSent'];
}

type Docs = Pick<RouteConfig, 'summary' | 'description' | 'tags' | 'responses'>;

export interface EndpointDefinition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  C extends TokenContext | null = null,
> extends Docs {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** The path in OpenAPI notation. The last parameter may contain slashes if it is written as `{path+}`. */
  readonly path: string;
  readonly operationId: string;
  /**
   * The permission that the caller needs. It applies to the tenant in the path, if the path contains one. Null if the endpoint requires no
   * authentication.
   */
  readonly may: Action | null;
  /**
   * Whether the tenant is in the path or determined by the caller's token. With `caller`, the request concerns the tenant of the token, or
   * any tenant if the token is not limited to one. The endpoint itself must then check access to every other resource that the request
   * names.
   */
  readonly whose?: 'path' | 'caller';
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  /** The schema of the request's JSON body. */
  readonly body?: B;
  /** Documents the body of an endpoint that reads the body itself. Used instead of `body`. */
  readonly ownBody?: NonNullable<RouteConfig['request']>['body'];
  /**
   * Reads the caller's token together with other data of this endpoint. It is called with the request and its path parameters before
   * anything is validated. Without it, the token is read alone.
   */
  readonly context?: (request: Request, params: Readonly<Record<string, string>>) => C;
  /** Whether the response body is generated while it is sent. The endpoint itself then counts the bytes in memory. */
  readonly isStreamed?: boolean;
  /** The error codes that this endpoint can return, without those that every endpoint can return. */
  readonly problems?: readonly ErrorCode[];
  readonly handle: (
    call: Call<z.output<P>, z.output<Q>, z.output<H>, z.output<B>, C>,
  ) => Promise<Response> | Response;
}

const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** An endpoint without its generic types, which were checked where the endpoint was defined. */
export type Endpoint = Omit<
  Required<EndpointDefinition<z.ZodObject, z.ZodObject, z.ZodObject, z.ZodType>>,
  'body' | 'ownBody' | 'context' | 'handle'
> & {
  readonly body: z.ZodType | null;
  readonly ownBody: EndpointDefinition<Nothing, Nothing, Nothing, Nothing>['ownBody'] | null;
  readonly context: ((request: Request, params: Readonly<Record<string, string>>) => TokenContext) | null;
  readonly handle: (
    call: Call<unknown, unknown, unknown, unknown, TokenContext | null>,
  ) => Promise<Response> | Response;
};

/** Defines an endpoint. Its route, its checks and its documentation are all derived from this definition. */
export function endpoint<
  P extends z.ZodObject = Nothing,
  Q extends z.ZodObject = Nothing,
  H extends z.ZodObject = Nothing,
  B extends z.ZodType = z.ZodUndefined,
  C extends TokenContext | null = null,
>(definition: EndpointDefinition<P, Q, H, B, C>): Endpoint {
  // TypeScript cannot infer that an omitted schema is `nothing`, and that the handler receives only the results of its own schemas. No
  // other code needs a type assertion like this one.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  const handle = definition.handle as unknown as Endpoint['handle'];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return {
    params: nothing,
    query: nothing,
    headers: nothing,
    problems: [],
    whose: 'path',
    isStreamed: false,
    ownBody: null,
    ...definition,
    body: definition.body ?? null,
    context: definition.context ?? null,
    handle,
  } as Endpoint;
}

/**
 * Converts a path from OpenAPI notation to the router's notation: `{tenant}` becomes `:tenant`, and `{path+}` matches the rest of the path.
 */
export function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\+\}/g, ':$1{.+}').replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Converts `{path+}` to `{path}`, because OpenAPI does not support parameters that contain slashes. */
export function documentPath(path: string): string {
  return path.replaceAll('+}', '}');
}
