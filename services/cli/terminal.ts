import { styleText } from 'node:util';

import type { Environment } from './settings.ts';

type Paint = Parameters<typeof styleText>[0];

/** A stream that a person or a program reads. */
export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

/** Where a command writes: results to `out`, everything about them to `err`. */
export interface Terminal {
  /** One JSON document is all that may stand on `out`. */
  readonly json: boolean;
  /** A person watches `out`. */
  readonly isLive: boolean;
  readonly out: (text: string | Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Writes the one document of `--json`. */
  readonly document: (value: unknown) => void;
  /** Text for `out` in a colour, or plain where colours are not wanted. */
  readonly paint: (format: Paint, text: string) => string;
  readonly paintErr: (format: Paint, text: string) => string;
}

export function terminal(options: {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Environment;
  readonly json: boolean;
}): Terminal {
  const { stdout, stderr, env, json } = options;
  const paintFor = (stream: OutputStream) => {
    const colours = wantsColours(stream, env);
    // Whether to colour was decided above, from the environment that we were given.
    return (format: Paint, text: string) =>
      colours ? styleText(format, text, { validateStream: false }) : text;
  };
  return {
    json,
    isLive: !json && stdout.isTTY === true && env.TERM !== 'dumb',
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    document: (value) => void stdout.write(`${JSON.stringify(value, null, stdout.isTTY === true ? 2 : 0)}\n`),
    paint: paintFor(stdout),
    paintErr: paintFor(stderr),
  };
}

// https://no-color.org: any value that is not empty. FORCE_COLOR is what Node itself and CI systems know.
function wantsColours(stream: OutputStream, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
