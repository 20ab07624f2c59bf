import { Role, rolesThatMay } from '../../packages/protocol/access.ts';
import type { App } from '../../services/api/app.ts';
import { documentPath, type Endpoint } from '../../services/api/http/endpoint.ts';
import { code } from './markdown.ts';

/** The parts of the OpenAPI document that this page uses. */
interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Content {
  readonly [mediaType: string]: { readonly schema?: Schema; readonly examples?: object };
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: Schema;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

interface Document {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Documented {
  readonly endpoint: Endpoint;
  readonly operation: Operation;
}

/** Generates docs/reference/http-api.md: every operation of the OpenAPI document. */
export async function httpPage({ fetch, endpoints }: Pick<App, 'fetch' | 'endpoints'>): Promise<string> {
  const document = (await (await fetch(new Request('http://docs.example/openapi.json'))).json()) as Document;
  const operations = endpoints.flatMap((endpoint) => {
    const operation = document.paths[documentPath(endpoint.path)]?.[endpoint.method];
    return operation === undefined ? [] : [{ endpoint, operation }];
  });
  const common = commonParameters(operations);
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags[0]);
  return [
    '# HTTP API',
    'A running API serves this as an OpenAPI 3.1 document at `/openapi.json`, with every schema and example. Send a token as `Authorization: Bearer <token>`. JSON is the only body, except for archives (`application/gzip`). Unknown fields and parameters are refused. Lists are pages of `items` with a cursor in `next`.',
    'Every operation can also fail with `invalid_request`, `internal`, and, where it needs a token, `unauthenticated`, `forbidden` and `unavailable`. [Error codes](errors.md) has all of them. `POST` and `PUT` take an `Idempotency-Key` where it is listed: the same key with the same request gives the same result for seven days.',
    '## Common parameters',
    [...common].join('\n'),
    ...document.tags.flatMap(({ name, description }) => [
      `## ${name}`,
      description,
      ...(byTag.get(name) ?? []).map((one) => section(one, document, common)),
    ]),
  ].join('\n\n');
}

function section(
  { endpoint, operation }: Documented,
  document: Document,
  common: ReadonlySet<string>,
): string {
  return [
    `### ${endpoint.method.toUpperCase()} ${documentPath(endpoint.path)}`,
    `**${operation.summary}** (\`${operation.operationId}\`, ${whoMay(endpoint)}). ${operation.description}`,
    ...parameterList(operation, common),
    ...bodyFields(operation, document),
    responseList(operation),
  ].join('\n\n');
}

function whoMay({ may }: Endpoint): string {
  if (may === null) return 'no token';
  const roles = rolesThatMay(may);
  return roles.length === Role.options.length ? 'any role' : `role ${roles.join(' or ')}`;
}

/** Lists common parameters by name only, because the top of the page describes them. */
function parameterList(operation: Operation, common: ReadonlySet<string>): string[] {
  const [shared, own] = [true, false].map((isCommon) =>
    parametersOf(operation).filter((one) => common.has(described(one)) === isCommon),
  );
  const names = (shared ?? []).map(({ name }) => code(name)).join(', ');
  return [
    ...(own?.length ? [own.map(described).join('\n')] : []),
    ...(names === '' ? [] : [`Common parameters: ${names}.`]),
  ];
}

function parametersOf({ parameters = [] }: Operation): readonly Parameter[] {
  return parameters.filter((one) => one.in !== 'path');
}

function described(one: Parameter): string {
  return `- \`${one.name}\` (${one.in}): ${one.description ?? one.schema.description ?? ''}`;
}

/**
 * The minimum number of operations that describe a parameter in the same words. The page then describes the parameter
 * once, at its top.
 */
const COMMON = 4;

function commonParameters(operations: readonly Documented[]): Set<string> {
  const all = operations.flatMap(({ operation }) => parametersOf(operation).map(described));
  const times = Map.groupBy(all, (text) => text);
  return new Set([...times].filter(([, those]) => those.length >= COMMON).map(([text]) => text));
}

function bodyFields({ requestBody }: Operation, { components }: Document): string[] {
  return Object.entries(requestBody?.content ?? {}).map(([mediaType, { schema = {} }]) => {
    const name = schema.$ref?.split('/').at(-1);
    const whole = name === undefined ? schema : (components.schemas[name] ?? schema);
    const { properties = {}, required = [] } = whole;
    const fields = Object.entries(properties).map(
      ([field, { description }]) =>
        `- ${code(field)}${required.includes(field) ? '' : ' (optional)'}${description === undefined ? '' : `: ${description}`}`,
    );
    const title = `Body: ${code(mediaType)}${name === undefined ? '' : `, schema \`${name}\``}.`;
    return fields.length === 0 ? title : `${title}\n\n${fields.join('\n')}`;
  });
}

/** Leaves out the errors that every operation can return. The page lists them once. */
const EVERYWHERE = new Set([
  'invalid_request',
  'internal',
  'unauthenticated',
  'forbidden',
  'unavailable',
  'malformed',
  'too_slow',
  'unsupported_media_type',
]);

function responseList({ responses }: Operation): string {
  const good = Object.entries(responses)
    .filter(([status]) => status < '400')
    .map(([status, { description }]) => `\`${status}\` ${description}`);
  const codes = Object.entries(responses)
    .filter(([status]) => status >= '400')
    .flatMap(([, { content }]) => Object.keys(content?.['application/problem+json']?.examples ?? {}))
    .filter((one) => !EVERYWHERE.has(one));
  return [
    `Responses: ${good.join(' ')}`,
    ...(codes.length === 0 ? [] : [`Problems: ${codes.map(code).join(', ')}.`]),
  ].join('\n');
}
