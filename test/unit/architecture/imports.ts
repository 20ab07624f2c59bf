import { posix } from 'node:path';
import type { Node } from 'oxc-parser';

import { nodesUnder, parse, type SourceText } from './syntax.ts';

export interface Import {
  readonly node: Node;
  readonly from: string;
  readonly typeOnly: boolean;
}

/**
 * Every import of a file: static imports, re-exports, dynamic imports, imports of types alone, and the files of
 * worker threads.
 */
export function importsOf(source: SourceText): Import[] {
  return [...nodesUnder(parse(source))].flatMap((node) => {
    const found = importOf(node);
    return found ? [found] : [];
  });
}

/** The packages of this repository. The key is the beginning of the specifiers with which they are imported. */
const PACKAGES = [
  ['@pointsman/protocol/', 'packages/protocol/'],
  ['@pointsman/client/internal/', 'packages/client/'],
  ['@pointsman/client/', 'packages/client/'],
] as const;

/** The path of the imported file, if it is in this repository. Null for a file of another package. */
export function targetOf(path: string, from: string): string | null {
  if (from.startsWith('.')) return posix.join(posix.dirname(path), from);
  const found = PACKAGES.find(([name]) => from.startsWith(name));
  return found ? `${found[1]}${from.slice(found[0].length)}.ts` : null;
}

function importOf(node: Node): Import | null {
  switch (node.type) {
    case 'ImportDeclaration':
      return {
        node,
        from: node.source.value,
        typeOnly: node.importKind === 'type' || onlyTypes(node.specifiers),
      };
    case 'ExportNamedDeclaration':
      return node.source && { node, from: node.source.value, typeOnly: node.exportKind === 'type' };
    case 'ExportAllDeclaration':
      return { node, from: node.source.value, typeOnly: node.exportKind === 'type' };
    case 'TSImportType':
      return { node, from: node.source.value, typeOnly: true };
    case 'ImportExpression':
      return fromLiteral(node, node.source);
    case 'NewExpression':
      return workerFile(node);
    default:
      return null;
  }
}

function onlyTypes(specifiers: readonly Node[]): boolean {
  return (
    specifiers.length > 0 &&
    specifiers.every((specifier) => specifier.type === 'ImportSpecifier' && specifier.importKind === 'type')
  );
}

/**
 * The file of a worker thread counts as an import: `new URL('./thread.ts', import.meta.url)`. The main.ts of a
 * process does not count, because a process is started and not imported.
 */
function workerFile(node: Node & { type: 'NewExpression' }): Import | null {
  const [file, base] = node.arguments;
  const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL';
  if (!isUrl || !file || base?.type !== 'MemberExpression' || base.object.type !== 'MetaProperty')
    return null;
  const found = fromLiteral(node, file);
  return found && /\.[jt]s$/.test(found.from) && !found.from.endsWith('/main.ts') ? found : null;
}

function fromLiteral(node: Node, expression: Node): Import | null {
  if (expression.type !== 'Literal' || typeof expression.value !== 'string') return null;
  return { node, from: expression.value, typeOnly: false };
}
