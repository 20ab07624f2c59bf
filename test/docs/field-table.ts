import { jsonSchemaOf, type SchemaName } from '../../services/api/operations/schema-documents.ts';
import { code, markdownTable } from './markdown.ts';

/** The keywords of JSON Schema that zod generates. */
interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly format?: string;
}

type Definitions = Readonly<Record<string, Schema>>;

/** A table of all fields of a file, in the order of its schema. */
export function fieldTable(name: SchemaName): string {
  const schema = jsonSchemaOf(name) as Schema & { readonly definitions: Definitions };
  const rows = fieldsUnder(schema, '', schema.definitions);
  return markdownTable(['field', 'type', 'default', 'meaning'], rows);
}

function fieldsUnder(schema: Schema, path: string, definitions: Definitions): string[][] {
  const {
    properties = {},
    required = [],
    additionalProperties,
    items,
    oneOf = [],
  } = resolved(schema, definitions);
  const named = Object.entries(properties).flatMap(([name, field]) => {
    const own = path === '' ? name : `${path}.${name}`;
    return [rowOf(own, field, required.includes(name), definitions), ...fieldsUnder(field, own, definitions)];
  });
  const any = typeof additionalProperties === 'object' ? additionalProperties : null;
  return [
    ...named,
    ...(any === null ? [] : fieldsUnder(any, `${path}.<name>`, definitions)),
    ...(items === undefined ? [] : fieldsUnder(items, `${path}[]`, definitions)),
    ...variantFields(oneOf, path, definitions),
  ];
}

/** The fields of all variants. A field that several variants have is listed once, with the variants that have it. */
function variantFields(variants: readonly Schema[], path: string, definitions: Definitions): string[][] {
  const named = variants.flatMap((variant) => {
    const kind = Object.values(variant.properties ?? {}).find((field) => field.const !== undefined);
    return fieldsUnder(variant, path, definitions).map((row) => ({ kind: kind?.const ?? '', row }));
  });
  const byRow = Map.groupBy(named, ({ row }) => JSON.stringify(row));
  return [...byRow.values()].map((those) => {
    const [field = '', type = '', value = '', meaning = ''] = those[0]?.row ?? [];
    const kinds = those.map(({ kind }) => code(kind)).join(' or ');
    return [field, type, value, type.startsWith('`"') ? meaning : `${meaning} With ${kinds}.`];
  });
}

function rowOf(path: string, field: Schema, isRequired: boolean, definitions: Definitions): string[] {
  const whole = resolved(field, definitions);
  const example = whole.examples?.map((one) => code(JSON.stringify(one))).join(', ');
  const meaning = field.description ?? whole.description ?? '';
  return [
    code(path),
    typeOf(whole, definitions),
    isRequired ? 'required' : code(whole.default === undefined ? '' : JSON.stringify(whole.default)),
    example === undefined ? meaning : `${meaning} For example ${example}.`,
  ];
}

/** Resolves a `$ref`. Keywords next to the `$ref` override those of the schema to which it refers. */
function resolved(schema: Schema, definitions: Definitions): Schema {
  const { $ref, allOf: [only] = [], ...own } = schema;
  const parent = $ref === undefined ? only : definitions[$ref.replace('#/definitions/', '')];
  return parent === undefined ? own : { ...resolved(parent, definitions), ...own };
}

function typeOf(schema: Schema, definitions: Definitions): string {
  const { type, enum: values, items, minimum, maximum, minItems, maxItems, maxLength, oneOf } = schema;
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (values !== undefined) return values.map((value) => code(value)).join(' or ');
  if (oneOf !== undefined) return 'object';
  if (items !== undefined)
    return `list${span(minItems, maxItems)} of ${resolved(items, definitions).type === 'object' ? 'objects' : 'strings'}`;
  if (typeof schema.additionalProperties === 'object') return 'map by channel';
  if (schema.format === 'uri') return 'URL';
  if (type === 'integer') return `integer${span(minimum, maximum)}`.replace(/,$/, '');
  return maxLength === undefined ? (type ?? '') : `${type}, at most ${maxLength} characters`;
}

function span(lowest: number | undefined, highest: number | undefined): string {
  if (lowest === undefined && highest === undefined) return '';
  if (highest === undefined) return `, at least ${lowest},`;
  return lowest === undefined ? `, at most ${highest},` : `, ${lowest} to ${highest},`;
}
