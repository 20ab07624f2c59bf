import { z } from 'zod';

/**
 * One result of a diagnosis, about one part of the system. Both the server and `pointsman doctor` report
 * findings.
 */
export const Finding = z
  .object({
    subject: z.string().meta({
      description: 'The subject of the finding: `PostgreSQL`, `disk of /data`, `Release/acme/bot/v1/run`.',
    }),
    state: z.enum(['error', 'warning', 'unknown', 'ok']).meta({
      description: '`unknown`: the subject could not be examined.',
    }),
    summary: z.string().meta({ description: 'The result, and its cause if known.' }),
    actions: z.array(z.string()).meta({
      description: 'What to do, one line each: advice, and commands that can be run unchanged.',
    }),
  })
  .meta({ id: 'Finding', description: 'A finding about one subject.' });
export type Finding = z.infer<typeof Finding>;

/** All findings of the server's diagnosis, the most severe ones first. */
export const Diagnosis = z.object({ findings: z.array(Finding) }).meta({
  id: 'Diagnosis',
  description: 'The findings about the server, the most severe first.',
  example: {
    findings: [
      {
        subject: 'Redis',
        state: 'error',
        summary: 'Redis: it is unreachable',
        actions: ["Start it, or fix the error that it reports. The worker's REDIS_URL points to it."],
      },
      { subject: 'PostgreSQL', state: 'ok', summary: '18.1, 2 in flight', actions: [] },
    ],
  },
});

const SEVERITY: readonly Finding['state'][] = ['error', 'warning', 'unknown', 'ok'];

/** Sorts findings, the most severe ones first. Findings of the same severity keep their order. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => SEVERITY.indexOf(a.state) - SEVERITY.indexOf(b.state));
}
