import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Document,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { quotedName } from '@pointsman/protocol/releases/diagnostic';
import { documentLimits } from '@pointsman/protocol/limits';
import { pointerStep } from './json-pointer.ts';
import { type Integers, type Problem, tooDeepMessage } from './parsed-document.ts';
import { integerMessage } from './scan-json.ts';

interface Reading {
  readonly integers: Integers;
  readonly problems: Problem[];
  /** The last node that was read with each anchor name. In YAML, an alias refers to this node. */
  readonly anchors: Map<string, Node>;
  /** The nodes that are currently being read. An alias to one of them is a cycle, which is an error. */
  readonly open: Set<Node>;
  /** The number of nodes that aliases have added to the value so far. The maximum is `documentLimits.aliasNodes`. */
  expanded: number;
  /**
   * The number of characters in keys and strings that aliases have added to the value so far. The maximum is
   * `documentLimits.aliasChars`.
   */
  expandedChars: number;
  insideAlias: boolean;
}

/**
 * Converts a composed YAML document to a JSON value. It reports an error for anything that JSON can't represent, and
 * for anything that YAML parsers interpret differently.
 */
export function valueOfYaml(
  document: Document,
  integers: Integers = 'exact',
): { value: Json; problems: readonly Problem[] } {
  const reading: Reading = {
    integers,
    problems: [],
    anchors: new Map(),
    open: new Set(),
    expanded: 0,
    expandedChars: 0,
    insideAlias: false,
  };
  const value = valueOf(reading, document.contents, '', 0);
  return { value, problems: reading.problems };
}

function valueOf(reading: Reading, node: Node | null, pointer: string, depth: number): Json {
  if (node === null) return null;
  if (reading.insideAlias) {
    reading.expanded++;
    if (isScalar(node)) countChars(reading, node.value);
    if (isBomb(reading)) return null;
  }
  if (isScalar(node)) {
    if (node.anchor) reading.anchors.set(node.anchor, node);
    return scalarOf(reading, node, pointer);
  }
  if (isAlias(node)) return aliasOf(reading, node, node.source, pointer, depth);
  if (depth >= documentLimits.depth) {
    return refuse(reading, node, pointer, 'too_deep', tooDeepMessage);
  }
  if (!isMap(node) && !isSeq(node)) return null;
  if (node.anchor) reading.anchors.set(node.anchor, node);
  reading.open.add(node);
  const value = isMap(node) ? mapOf(reading, node, pointer, depth) : listOf(reading, node, pointer, depth);
  reading.open.delete(node);
  return value;
}

function countChars(reading: Reading, value: unknown): void {
  if (typeof value === 'string') reading.expandedChars += value.length;
}

function isBomb({ expanded, expandedChars }: Reading): boolean {
  return expanded > documentLimits.aliasNodes || expandedChars > documentLimits.aliasChars;
}

function scalarOf(reading: Reading, node: Scalar, pointer: string): Json {
  const { value } = node;
  if (typeof value === 'string') {
    return value.isWellFormed()
      ? value
      : refuse(reading, node, pointer, 'lone_surrogate', 'the string contains a lone surrogate');
  }
  if (typeof value === 'number') return numberOf(reading, node, value, pointer);
  if (value === null || typeof value === 'boolean') return value;
  return refuse(reading, node, pointer, 'yaml_tag_resolve_failed', 'JSON cannot represent this value');
}

function numberOf(reading: Reading, node: Scalar, value: number, pointer: string): Json {
  const source = node.source ?? String(value);
  if (!Number.isFinite(value)) {
    return refuse(
      reading,
      node,
      pointer,
      'number_not_finite',
      `JSON cannot represent the number ${source.slice(0, 40)}`,
    );
  }
  if (
    reading.integers === 'exact' &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    /^[-+]?(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+)$/.test(source)
  ) {
    return refuse(reading, node, pointer, 'integer_out_of_range', integerMessage(source));
  }
  return value;
}

function aliasOf(reading: Reading, alias: Node, name: string, pointer: string, depth: number): Json {
  const target = reading.anchors.get(name);
  if (!target)
    return refuse(reading, alias, pointer, 'unknown_alias', `no anchor "${name}" comes before this alias`);
  if (reading.open.has(target)) {
    return refuse(reading, alias, pointer, 'alias_cycle', `the alias "${name}" refers to its own parent`);
  }
  const outer = !reading.insideAlias;
  reading.insideAlias = true;
  const value = valueOf(reading, target, pointer, depth);
  if (outer) {
    reading.insideAlias = false;
    const isReported = reading.problems.some((problem) => problem.code === 'too_many_aliases');
    if (isBomb(reading) && !isReported) {
      const { aliasNodes, aliasChars } = documentLimits;
      const message = `the aliases expand to more than ${aliasNodes} nodes or ${aliasChars} characters`;
      refuse(reading, alias, pointer, 'too_many_aliases', message);
    }
  }
  return value;
}

function mapOf(reading: Reading, map: YAMLMap, pointer: string, depth: number): Json {
  const object: { [key: string]: Json } = {};
  for (const pair of map.items) {
    const keyNode = pair.key as Node | null;
    if (reading.insideAlias && isBomb(reading)) break;
    if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
      refuse(reading, keyNode ?? map, pointer, 'non_string_key', 'a key must be a string: put it in quotes');
      continue;
    }
    const key = keyNode.value;
    if (reading.insideAlias) countChars(reading, key);
    const inner = pointer + pointerStep(key);
    if (keyNode.anchor) reading.anchors.set(keyNode.anchor, keyNode);
    if (!isGoodKey(reading, keyNode, key, inner, object)) continue;
    object[key] = valueOf(reading, (pair.value ?? null) as Node | null, inner, depth + 1);
  }
  return object;
}

function isGoodKey(reading: Reading, node: Scalar, key: string, pointer: string, object: object): boolean {
  const before = reading.problems.length;
  if (Object.hasOwn(object, key)) {
    refuse(reading, node, pointer, 'duplicate_key', `the key ${quotedName(key)} occurs twice`);
  }
  if (key === '__proto__')
    refuse(reading, node, pointer, 'forbidden_key', 'the key "__proto__" is not allowed');
  if (key === '<<' && node.type === 'PLAIN') {
    refuse(
      reading,
      node,
      pointer,
      'yaml_merge_key',
      'YAML 1.2 has no merge keys; quote "<<" if the key has that name',
    );
  }
  if (!key.isWellFormed())
    refuse(reading, node, pointer, 'lone_surrogate', 'the key contains a lone surrogate');
  return reading.problems.length === before;
}

function listOf(reading: Reading, list: YAMLSeq, pointer: string, depth: number): Json {
  const items: Json[] = [];
  for (const [index, item] of list.items.entries()) {
    if (reading.insideAlias && isBomb(reading)) break;
    items.push(valueOf(reading, item as Node | null, pointer + pointerStep(index), depth + 1));
  }
  return items;
}

function refuse(reading: Reading, node: Node, pointer: string, code: string, message: string): null {
  if (reading.problems.length < documentLimits.diagnostics) {
    reading.problems.push({ pointer, code, message, offset: node.range?.[0] ?? 0 });
  }
  return null;
}
