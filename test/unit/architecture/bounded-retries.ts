import type { Node } from 'oxc-parser';

/**
 * Types of core/limits/limits.ts in which every value is bounded. A parameter of such a type is bounded for
 * every caller.
 */
const BOUNDED_TYPES = new Set(['StepRetries']);

/**
 * Whether the retry options of a step are bounded: one of `stepRetries`, an object with maxRetryAttempts or
 * maxRetryDuration (its own or one that it spreads), or a name in the same file for either.
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

/**
 * Every declaration of the name in the file must be bounded, so that scopes do not have to be distinguished.
 */
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
