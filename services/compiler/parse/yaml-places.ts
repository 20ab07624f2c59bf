import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { pointerSteps } from './json-pointer.ts';

/**
 * Returns the offset of the value at a pointer, or of the value's key. If the pointer does not exist, returns the
 * offset of its nearest existing parent. If the pointer leads through an alias, returns the offset of the alias.
 */
export function locateInYaml(root: Node | null, pointer: string, key: boolean): number {
  let node = root;
  const steps = pointerSteps(pointer) ?? [];
  for (const [depth, step] of steps.entries()) {
    if (!node || isAlias(node)) break;
    const { keyNode, valueNode } = childNode(node, step);
    if (!keyNode && !valueNode) break;
    if (depth === steps.length - 1 && (key || !hasText(valueNode))) node = keyNode ?? valueNode;
    else node = valueNode ?? keyNode;
  }
  return node?.range?.[0] ?? 0;
}

function childNode(node: Node, step: string): { keyNode: Node | null; valueNode: Node | null } {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
    return { keyNode: (pair?.key ?? null) as Node | null, valueNode: (pair?.value ?? null) as Node | null };
  }
  if (isSeq(node)) return { keyNode: null, valueNode: (node.items[Number(step)] ?? null) as Node | null };
  return { keyNode: null, valueNode: null };
}

/** Whether a node has text in the file. The omitted value in `key:` has none. */
function hasText(node: Node | null): boolean {
  return node !== null && !(isScalar(node) && node.value === null && node.source === '');
}
