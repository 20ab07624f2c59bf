import { z } from 'zod';

import { CeleryGrant } from '../../core/celery-grant.ts';
import { celeryGrantLimits } from '../../core/limits/callout-limits.ts';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { firstIssues } from '@pointsman/protocol/json/schema-issues';

/**
 * Returns the parser for the operator's list of Celery tasks, which is JSON. An error names the position of each
 * invalid entry, but does not repeat the entry.
 */
export function celeryGrants() {
  return z.string().transform((text, context) => {
    const problem = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const json = parseJsonAs(z.array(z.unknown()), text);
    if (json === null) return problem('must be a JSON list of { "tenant", "broker", "queue", "task" }');
    if (json.length > celeryGrantLimits.grants)
      return problem(`must have at most ${celeryGrantLimits.grants} entries`);
    const grants = json.map((entry) => CeleryGrant.safeParse(entry));
    const wrong = grants.flatMap((grant, index) => {
      const [first] = grant.success ? [] : firstIssues(grant, 1);
      return first ? [`entry ${index + 1}${at(first.path)}: ${first.message}`] : [];
    });
    if (wrong.length > 0) return problem(`is invalid: ${wrong.join('; ')}`);
    return grants.flatMap(({ data }) => (data ? [data] : []));
  });
}

function at(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '' : `, ${path.map((step) => `"${String(step)}"`).join('.')}`;
}
