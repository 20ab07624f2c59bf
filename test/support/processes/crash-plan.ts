import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

import { z } from 'zod';

import type { EndpointListener } from '../../../services/worker/http2-endpoint.ts';
import { cutMessages, type ProtocolMessage } from '../runs/protocol-messages.ts';

/** The point at which a worker kills itself: directly before or after it sends the n-th message of an invocation of that handler. */
export const CrashPoint = z.object({
  /** For example `Tenant/publish`. */
  handler: z.string(),
  /**
   * The number of the attempt in which to crash. The attempts of that handler are counted from 0, beginning with this
   * run.
   */
  occurrence: z.number().int(),
  /** The number of the message at which to crash. The messages of the attempt are counted from 0. */
  message: z.number().int(),
  side: z.enum(['before', 'after']),
});
export type CrashPoint = z.infer<typeof CrashPoint>;

/**
 * The plan that a worker reads. A plan with a new `run` restarts the counts. If `point` is null, the worker only
 * records its messages.
 */
export const CrashPlan = z.object({ run: z.string(), point: CrashPoint.nullable() });
export type CrashPlan = z.infer<typeof CrashPlan>;

/** One message that the worker has recorded. */
export const TraceLine = CrashPoint.omit({ side: true }).extend({ name: z.string(), command: z.boolean() });
export type TraceLine = z.infer<typeof TraceLine>;

/**
 * The files through which a test and its worker exchange data, because the worker can be killed at any time. They are in a folder of the
 * test.
 */
export interface CrashFiles {
  readonly plan: string;
  readonly fired: string;
  readonly trace: string;
}

export function crashFiles(folder: string): CrashFiles {
  return { plan: `${folder}/plan.json`, fired: `${folder}/fired`, trace: `${folder}/trace.jsonl` };
}

/** Forwards every invocation to the listener. Kills the process with SIGKILL once, at the point in the plan. */
export function crashing(listener: EndpointListener, files: CrashFiles): EndpointListener {
  const decorated = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const match = /\/invoke\/([^/]+)\/([^/?]+)/.exec(request.url);
    if (match) watch(`${match[1]}/${match[2]}`, response, files);
    listener(request, response);
  };
  return decorated as EndpointListener;
}

function watch(handler: string, response: Http2ServerResponse, files: CrashFiles): void {
  const send = response.write.bind(response) as (
    bytes: Uint8Array,
    done?: (error?: Error) => void,
  ) => boolean;
  const { occurrence, point } = enter(handler, files);
  let sent = 0;
  const write = (chunk: Uint8Array, done?: (error?: Error) => void): boolean => {
    const messages = cutMessages(chunk);
    record({ handler, occurrence, message: sent }, messages, files);
    const fatal = point ? messages.findIndex((_message, index) => sent + index === point.message) : -1;
    sent += messages.length;
    if (!point || fatal === -1) return send(chunk, done);
    const passed = messages.slice(0, point.side === 'before' ? fatal : fatal + 1);
    if (passed.length === 0) return die(files);
    // Writes the messages before the crash point to the connection, and not the later ones. The process is killed
    // only when this write is done.
    return send(Buffer.concat(passed.map((message) => message.bytes)), () => setTimeout(die, 15, files));
  };
  response.write = write as typeof response.write;
}

function die(files: CrashFiles): never {
  writeFileSync(files.fired, '');
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
}

const counted = { run: '', handlers: new Map<string, number>() };

/** Counts this attempt of the handler. Returns its number, and the crash point if this attempt is the planned one. */
function enter(handler: string, files: CrashFiles): { occurrence: number; point: CrashPoint | null } {
  if (!existsSync(files.plan)) return { occurrence: 0, point: null };
  const { run, point } = CrashPlan.parse(JSON.parse(readFileSync(files.plan, 'utf8')));
  if (counted.run !== run) {
    counted.run = run;
    counted.handlers.clear();
  }
  const occurrence = counted.handlers.get(handler) ?? 0;
  counted.handlers.set(handler, occurrence + 1);
  const dies = point?.handler === handler && point.occurrence === occurrence && !existsSync(files.fired);
  return { occurrence, point: dies ? point : null };
}

function record(
  from: Omit<CrashPoint, 'side'>,
  messages: readonly ProtocolMessage[],
  files: CrashFiles,
): void {
  const lines = messages.map(({ name, bytes }, index) =>
    JSON.stringify({
      ...from,
      message: from.message + index,
      name,
      command: (bytes[0] ?? 0) >= 4,
    } satisfies TraceLine),
  );
  appendFileSync(files.trace, lines.map((line) => `${line}\n`).join(''));
}
