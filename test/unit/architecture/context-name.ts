import type { Node } from 'oxc-parser';

/**
 * Returns an error if this node gives the Restate context another name than ctx, because the other checks only find
 * that name. Returns null otherwise.
 */
export function contextEscape(node: Node): string | null {
  if (node.type === 'Identifier') {
    const renamed = node.name !== 'ctx' && isParameter(node) && isContextType(node);
    return renamed ? 'the Restate context is called ctx' : null;
  }
  const kept = keptValue(node);
  if (kept?.type !== 'Identifier' || kept.name !== 'ctx') return null;
  return 'ctx is passed on, never kept under another name or taken apart';
}

function keptValue(node: Node): Node | null {
  switch (node.type) {
    case 'VariableDeclarator':
      return node.init;
    case 'AssignmentExpression':
      return node.right;
    case 'Property':
      return node.parent?.type === 'ObjectExpression' ? node.value : null;
    default:
      return null;
  }
}

function isParameter(node: Node): boolean {
  const owner = node.parent;
  if (!owner || !('params' in owner) || !Array.isArray(owner.params)) return false;
  return owner.params.some((parameter) => parameter === node);
}

function isContextType(parameter: Node): boolean {
  const annotation = 'typeAnnotation' in parameter ? parameter.typeAnnotation : undefined;
  if (annotation?.type !== 'TSTypeAnnotation') return false;
  const { typeAnnotation } = annotation;
  if (typeAnnotation.type !== 'TSTypeReference' || typeAnnotation.typeName.type !== 'Identifier')
    return false;
  return /^(Object|ObjectShared|Workflow|WorkflowShared)?Context$/.test(typeAnnotation.typeName.name);
}
