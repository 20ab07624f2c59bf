import { expect } from 'vitest';

import type { Finding } from '../../../packages/protocol/findings/finding.ts';
import { startApi, type TestApi } from '../processes/api.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { eventually } from '../runs/eventually.ts';
import { runCli } from '../runs/run-cli.ts';

export interface Diagnosis {
  readonly exit: number;
  readonly findings: readonly Finding[];
  /** The findings with the state error or warning. */
  readonly problems: readonly Finding[];
}

/** A world with real servers that contains everything that the doctor examines. */
export interface DoctoredWorld {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  doctor(env?: Readonly<Record<string, string>>): Promise<Diagnosis>;
  /** Runs the doctor until its diagnosis contains such a finding, and returns the diagnosis. */
  diagnosed(expected: Partial<Record<keyof Finding, unknown>>): Promise<Diagnosis>;
  /** Resolves as soon as the doctor finds no problem. */
  isWell(): Promise<void>;
  stop(): Promise<void>;
}

export async function startDoctoredWorld(
  workerEnv: Record<string, string>,
  brokers: readonly ('redis' | 'rabbitmq')[] = [],
): Promise<DoctoredWorld> {
  const plane = await startControlPlane({ workerEnv: () => Promise.resolve(workerEnv) });
  const { postgres, restate } = plane;
  const { appUrl } = postgres;
  const { ingressUrl, adminUrl } = restate;
  const api = await startApi({ appUrl, ingressUrl, adminUrl, brokers });
  const doctor: DoctoredWorld['doctor'] = async (more = {}) => {
    const env = {
      POINTSMAN_URL: api.url,
      POINTSMAN_TOKEN: api.adminToken,
      ...more,
    };
    const { exit, stdout } = await runCli(['doctor', '--json'], { env });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const problems = findings.filter(({ state }) => state === 'error' || state === 'warning');
    return { exit, findings, problems };
  };
  return {
    plane,
    api,
    doctor,
    diagnosed: (expected) =>
      eventually(
        async () => {
          const diagnosis = await doctor();
          return diagnosis.problems.some((finding) => matches(finding, expected)) ? diagnosis : null;
        },
        { what: `a finding about ${String(expected.subject)}` },
      ),
    isWell: async () => {
      const what = 'no problem any more';
      const { exit } = await eventually(
        async () => {
          const diagnosis = await doctor();
          return diagnosis.problems.length === 0 ? diagnosis : null;
        },
        { what },
      );
      expect(exit).toBe(0);
    },
    stop: async () => {
      await api.stop();
      await plane.stop();
    },
  };
}

function matches(finding: Finding, expected: object): boolean {
  try {
    expect(finding).toMatchObject(expected);
    return true;
  } catch {
    return false;
  }
}
