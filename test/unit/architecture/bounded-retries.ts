import type { Node } from 'oxc-parser';

/**
 * The types of core/limits/limits.ts whose values all limit the retries. A parameter of such a type is limited for
 * every caller.
 */
const BOUNDED_TYPES = new Set(['StepRetries']);

/**
 * Whether the retry options of a step are limited. That is so for one of `stepRetries`, for an object that has or
 * spreads maxRetryAttempts or maxRetryDuration, and for a name in the same file that stands for either.
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
 * All declarations of the name in the file must be limited. So the check does not have to know which of them is in
 * scope.
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
