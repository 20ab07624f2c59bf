/** Every name that a plain object has without being given it, or that the language treats as special. */
export const INHERITED_NAMES: readonly string[] = [
  ...new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'then']),
];
