import { styleText } from 'node:util';

import { visibleControls } from '@pointsman/protocol/text/control-characters';
import type { Environment } from '../settings.ts';
import { guarded, ownSequences } from './terminal-guard.ts';

type Paint = Parameters<typeof styleText>[0];

/** A stream that a person or a program reads. */
export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

/**
 * The output of a command: results on `out`, messages on `err`. Only sequences from `paint` and `replaceLine`
 * can control the terminal. All other control characters are escaped.
 */
export interface Terminal {
  /** True with `--json`: `out` contains exactly one JSON document. */
  readonly json: boolean;
  /** True if `out` is a terminal and `--json` is not set, so that a person watches it. */
  readonly isLive: boolean;
  /** True if `out` is a terminal, with or without `--json`. Untrusted bytes must not be written to it. */
  readonly isTerminal: boolean;
  readonly out: (text: string) => void;
  /** Writes bytes unchanged, for a file or another program. */
  readonly raw: (bytes: Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Writes the document of `--json`. */
  readonly document: (value: unknown) => void;
  /** Returns text for `out` in a colour, or unchanged if colours are off. */
  readonly paint: (format: Paint, text: string) => string;
  readonly paintErr: (format: Paint, text: string) => string;
  /** Returns a sequence that replaces the current line with the text. */
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
      // The code above has already decided whether to use colours, by the given environment.
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

// Follows https://no-color.org: any non-empty value of NO_COLOR disables colours. Node and CI systems use
// FORCE_COLOR to enable them.
function wantsColours(stream: OutputStream, env: Environment): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
