/** Every name that a plain object inherits, and every name that the language treats specially. */
export const INHERITED_NAMES: readonly string[] = [
  ...new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'then']),
];
