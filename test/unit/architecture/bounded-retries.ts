import type { Node } from 'oxc-parser';

/** Types of core/limits/limits.ts whose every member ends: a parameter of such a type is bounded, whoever calls. */
const BOUNDED_TYPES = new Set(['StepRetries']);

/**
 * Whether the retry options of a step certainly end: one of `stepRetries`, an object that says maxRetryAttempts or maxRetryDuration
 * (by itself or through one that it spreads), or a name of the same file for either.
 */
export function isBounded(options: Node, nodes: readonly Node[]): boolean {
  switch (options.type) {
    case 'MemberExpression':
      return options.object.type === 'Identifier' && options.object.name === 'stepRetries';
    case 'ObjectExpression':
      return options.properties.some((property) =>
        property.type === 'SpreadElement' ? isBounded(property.argument, nodes) : isBound(property.key),
      );
    case 'Identifier':
      return isBoundedName(options.name, nodes);
    default:
      return false;
  }
}

function isBound(key: Node): boolean {
  return key.type === 'Identifier' && (key.name === 'maxRetryAttempts' || key.name === 'maxRetryDuration');
}

/** Every meaning that the name has anywhere in the file must be bounded, so that scopes need no telling apart. */
function isBoundedName(name: string, nodes: readonly Node[]): boolean {
  const meanings = nodes.flatMap((node) => {
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.id.name === name) {
      return [node.init !== null && isBounded(node.init, nodes)];
    }
    if (node.type === 'Identifier' && node.name === name && 'typeAnnotation' in node && node.typeAnnotation) {
      return [isBoundedType(node.typeAnnotation.typeAnnotation)];
    }
    return [];
  });
  return meanings.length > 0 && meanings.every(Boolean);
}

function isBoundedType(type: Node): boolean {
  return (
    type.type === 'TSTypeReference' &&
    type.typeName.type === 'Identifier' &&
    BOUNDED_TYPES.has(type.typeName.name)
  );
}
