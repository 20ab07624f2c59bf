import { z } from 'zod';

import { CeleryGrant } from '../../core/celery-grant.ts';
import { celeryGrantLimits } from '../../core/callout-limits.ts';
import { firstIssues } from '../../core/schema-issues.ts';
import type { Rule } from './read-settings.ts';

/** The operator's list of Celery tasks, as JSON. Every mistake in it is reported by its place, and no value is repeated. */
export function celeryGrants() {
  return z.string().transform((text, context) => {
    const problem = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const json = parseJson(text);
    if (!Array.isArray(json))
      return problem('must be a JSON list of { "tenant", "broker", "queue", "task" }');
    if (json.length > celeryGrantLimits.grants)
      return problem(`must have at most ${celeryGrantLimits.grants} entries`);
    const grants = json.map((entry) => CeleryGrant.safeParse(entry));
    const wrong = grants.flatMap((grant, index) => {
      const [first] = grant.success ? [] : firstIssues(grant, 1);
      return first ? [`entry ${index + 1}${at(first.path)}: ${first.message}`] : [];
    });
    if (wrong.length > 0) return problem(`is wrong: ${wrong.join('; ')}`);
    return grants.flatMap(({ data }) => (data ? [data] : []));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function at(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '' : `, ${path.map((step) => `"${String(step)}"`).join('.')}`;
}

/** A task for a broker that the processes do not have would never be sent. */
export const grantedBrokersSet: Rule<'POINTSMAN_CELERY_TASKS' | 'AMQP_URL' | 'REDIS_URL'> = (read, isSet) => {
  const names = new Set(read.POINTSMAN_CELERY_TASKS?.map(({ broker }) => broker));
  const missing = [
    ...(names.has('rabbitmq') && !isSet('AMQP_URL') ? ['AMQP_URL'] : []),
    ...(names.has('redis') && !isSet('REDIS_URL') ? ['REDIS_URL'] : []),
  ];
  return missing.length === 0
    ? null
    : `POINTSMAN_CELERY_TASKS names a broker whose address is not set: set ${missing.join(' and ')}`;
};
