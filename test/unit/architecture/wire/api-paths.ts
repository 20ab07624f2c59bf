import type { Node } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from '../syntax.ts';

/** The only file that may state the path of a resource of the API. */
const OWNER = 'packages/protocol/paths.ts';

/** The beginning of the path of a resource, also in a regular expression. */
const OF_A_RESOURCE = /^\^?\\?\/v1(?:\\?\/|$)/;
const OF_THE_PROCESS = /^\/(?:healthz|readyz|metrics|openapi\.json)$/;
const MAY_STATE = /v1|healthz|readyz|metrics|openapi/;

/** Reports every string and template of the product that states a path of the API. */
export function pathFaults(source: SourceText): Fault[] {
  if (source.path === OWNER || !MAY_STATE.test(source.text)) return [];
  const faults: Fault[] = [];
  for (const node of nodesUnder(parse(source))) {
    const text = textOf(node);
    if (text === null || !(OF_A_RESOURCE.test(text) || OF_THE_PROCESS.test(text))) continue;
    const message = `${text} is a path of the API: use pathOf of ${OWNER}`;
    faults.push({ path: source.path, line: lineOf(source, node), rule: 'api-path', message });
  }
  return faults;
}

/** The text of a string, of a part of a template, or of a regular expression. */
function textOf(node: Node): string | null {
  if (node.type === 'TemplateElement') return node.value.raw;
  if (node.type !== 'Literal') return null;
  if (typeof node.value === 'string') return node.value;
  return 'regex' in node ? node.regex.pattern : null;
}
