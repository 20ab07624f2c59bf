import { json, type Respond } from '../../cli/scripted-api.ts';

/** A fake of Restate's admin API that reports these stuck invocations. */
export function scriptedRestate(...rows: unknown[]): Record<string, Respond> {
  const services = ['Tenant', 'Compensation'].map((name) => ({ name, revision: 1 }));
  return {
    'GET /version': json({ version: '1.7.12' }),
    'GET /deployments': json({ deployments: [{ id: 'dp_1', uri: 'http://127.0.0.1:1', services }] }),
    'POST /query': json({ rows }),
  };
}
