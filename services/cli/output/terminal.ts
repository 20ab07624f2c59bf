import { styleText } from 'node:util';

import { visibleControls } from '../../../core/control-characters.ts';
import type { Environment } from '../settings.ts';
import { guarded, ownSequences } from './terminal-guard.ts';

type Paint = Parameters<typeof styleText>[0];

/** A stream that a person or a program reads. */
export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

/**
 * Where a command writes: results to `out`, everything about them to `err`. Whatever a text contains, only what `paint` and
 * `replaceLine` made can steer the terminal; every other control character is written visibly.
 */
export interface Terminal {
  /** One JSON document is all that may stand on `out`. */
  readonly json: boolean;
  /** A person watches `out`. */
  readonly isLive: boolean;
  /** `out` is a terminal, with or without `json`: bytes from elsewhere must not go there. */
  readonly isTerminal: boolean;
  readonly out: (text: string) => void;
  /** Bytes as they are, for a file or another program. */
  readonly raw: (bytes: Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Writes the one document of `--json`. */
  readonly document: (value: unknown) => void;
  /** Text for `out` in a colour, or plain where colours are not wanted. */
  readonly paint: (format: Paint, text: string) => string;
  readonly paintErr: (format: Paint, text: string) => string;
  /** A text that replaces the line where the cursor is. */
  readonly replaceLine: (text: string) => string;
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
    return (format: Paint, text: string) => {
      if (!colours) return text;
      // Whether to colour was decided above, from the environment that we were given.
      const [begin = '', end = ''] = styleText(format, ' ', { validateStream: false }).split(' ');
      return `${ownSequences(begin)}${text}${ownSequences(end)}`;
    };
  };
  return {
    json,
    isLive: !json && stdout.isTTY === true && env.TERM !== 'dumb',
    isTerminal: stdout.isTTY === true,
    out: (text) => void stdout.write(guarded(text)),
    raw: (bytes) => void stdout.write(bytes),
    err: (text) => void stderr.write(guarded(text)),
    document: (value) => {
      const text = JSON.stringify(value, null, stdout.isTTY === true ? 2 : 0);
      stdout.write(`${visibleControls(text)}\n`);
    },
    paint: paintFor(stdout),
    paintErr: paintFor(stderr),
    replaceLine: (text) => `${ownSequences('\r\u001b[2K')}${text}`,
  };
}

// https://no-color.org: any value that is not empty. FORCE_COLOR is what Node itself and CI systems know.
function wantsColours(stream: OutputStream, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
