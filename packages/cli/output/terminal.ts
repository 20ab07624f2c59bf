import { styleText } from 'node:util';

import { visibleControls } from '@pointsman/protocol/text/control-characters';
import type { Environment } from '../settings.ts';
import { guarded, ownSequences } from './terminal-guard.ts';

type Paint = Parameters<typeof styleText>[0];

/** An output stream, such as stdout. */
export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

/**
 * The output of a command. Results go to `out`, messages to `err`. Only the escape sequences of `paint` and
 * `replaceLine` reach the terminal; all other control characters are escaped.
 */
export interface Terminal {
  /** True with `--json`: `out` contains exactly one JSON document. */
  readonly json: boolean;
  /** True if a person watches `out`: it is a terminal, and `--json` is not set. */
  readonly isLive: boolean;
  /** True if `out` is a terminal, even with `--json`. Untrusted bytes must then not be written unchanged. */
  readonly isTerminal: boolean;
  readonly out: (text: string) => void;
  /** Writes bytes to `out` unchanged. For a file or another program, not for a terminal. */
  readonly raw: (bytes: Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Writes a value to `out` as the JSON document of `--json`. */
  readonly document: (value: unknown) => void;
  /** Returns the text in a colour for `out`. If colours are off, returns it unchanged. */
  readonly paint: (format: Paint, text: string) => string;
  readonly paintErr: (format: Paint, text: string) => string;
  /** Returns an escape sequence that clears the current line of the terminal, followed by the text. */
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
      // Stream validation is off, because `colours` already depends on the stream and on the given
      // environment.
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

// Returns whether the output has colours. As https://no-color.org defines, any non-empty value of NO_COLOR
// disables them. Node and CI systems use FORCE_COLOR to enable them.
function wantsColours(stream: OutputStream, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
