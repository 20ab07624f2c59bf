import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import type { Logger } from 'pino';
import { z } from 'zod';

import type { Action } from '../../../core/access.ts';
import type { ErrorCode } from '../../../core/errors.ts';
import type { ReleaseId } from '../../../core/identifiers.ts';
import type { Principal } from '../access/access.ts';
import type { Connection } from './connection.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import type { Shares } from '../access/shares.ts';
import type { UnsentBytes } from '../access/unsent-bytes.ts';

/** What an endpoint is given of a request, after everything that its definition promises was checked. */
export interface Call<P, Q, H, B> {
  readonly params: P;
  readonly query: Q;
  readonly headers: H;
  readonly body: B;
  /** Nobody where the endpoint is open to all. */
  readonly principal: Principal | null;
  readonly ids: RequestIds;
  readonly log: Logger;
  /**
   * Says of which release this is, where the path does not: its log line, whatever becomes of it, and its answer then name the release.
   */
  readonly about: (release: ReleaseId) => void;
  /** For an endpoint that reads the body itself. */
  readonly request: Request;
  /** Aborts when the response has been sent, or its connection is gone. */
  readonly signal: AbortSignal;
  /** The address that the request came from; see {@link Connection.source}. */
  readonly source: string;
  /** Takes that much of the caller's share until the response has been sent, or its connection is gone. Throws `busy`. */
  readonly occupy: (shares: Shares, amount: number) => void;
  /** Counts the buffers of an event stream in the caller's share of responses until the response has been sent, or its connection is gone. */
  readonly countUnsent: () => UnsentBytes;
  /** Calls back when the response has been sent, or its connection is gone. */
  readonly onceSent: Connection['onceSent'];
}

type Docs = Pick<RouteConfig, 'summary' | 'description' | 'tags' | 'responses'>;

export interface EndpointDefinition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
> extends Docs {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As in OpenAPI. The last parameter may hold slashes when it is spelled `{path+}`. */
  readonly path: string;
  readonly operationId: string;
  /** What the caller must be allowed to do, to the tenant of the path if there is one; null opens it to all. */
  readonly may: Action | null;
  /**
   * `caller`: the path names no tenant, and what is meant belongs to the caller's own, or to any when the caller has none. The endpoint
   * itself holds whatever else the request names against the caller.
   */
  readonly whose?: 'path' | 'caller';
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  /** A JSON body, in full. */
  readonly body?: B;
  /** Instead: how the body is documented when the endpoint reads it itself. */
  readonly ownBody?: NonNullable<RouteConfig['request']>['body'];
  /** Its response is read while it is sent, and the endpoint itself counts what of it is in memory. */
  readonly isStreamed?: boolean;
  /** Problems besides those that can befall every request. */
  readonly problems?: readonly ErrorCode[];
  readonly handle: (
    call: Call<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>,
  ) => Promise<Response> | Response;
}

const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** An endpoint whose types were checked where it was defined. */
export type Endpoint = Omit<
  Required<EndpointDefinition<z.ZodObject, z.ZodObject, z.ZodObject, z.ZodType>>,
  'body' | 'ownBody' | 'handle'
> & {
  readonly body: z.ZodType | null;
  readonly ownBody: EndpointDefinition<Nothing, Nothing, Nothing, Nothing>['ownBody'] | null;
  readonly handle: (call: Call<unknown, unknown, unknown, unknown>) => Promise<Response> | Response;
};

/** Defines an endpoint: one source for its route, its checks and its documentation. */
export function endpoint<
  P extends z.ZodObject = Nothing,
  Q extends z.ZodObject = Nothing,
  H extends z.ZodObject = Nothing,
  B extends z.ZodType = z.ZodUndefined,
>(definition: EndpointDefinition<P, Q, H, B>): Endpoint {
  // A schema that is left out is `nothing`, and the handler is called only with what its own schemas gave: TypeScript can follow
  // neither, and this is the one place that has to.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above
  const handle = definition.handle as unknown as Endpoint['handle'];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above
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
    handle,
  } as Endpoint;
}

/** The path for the router: `{tenant}` becomes `:tenant`, and `{path+}` takes the rest. */
export function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\+\}/g, ':$1{.+}').replaceAll(/\{(\w+)\}/g, ':$1');
}

/** The path for the document, which knows no parameter with slashes. */
export function documentPath(path: string): string {
  return path.replaceAll('+}', '}');
}
