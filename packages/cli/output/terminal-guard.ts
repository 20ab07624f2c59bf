import { randomBytes } from 'node:crypto';

import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * A marker before each escape sequence that the command line itself writes. It is random for each process, so
 * that untrusted text can't contain it.
 */
const MARK = String.fromCharCode(...[...randomBytes(8)].map((byte) => 0xe000 + byte));

// eslint-disable-next-line no-control-regex -- the escape character begins each sequence
const OWN_SEQUENCE = /^(?:\r\u001b\[2K|\u001b\[[0-9]+m)/;

/** Marks escape sequences as the command line's own, so that {@link guarded} keeps them. */
export function ownSequences(sequences: string): string {
  // eslint-disable-next-line no-control-regex -- as above
  return sequences.replaceAll(/\r?\u001b/g, (begin) => `${MARK}${begin}`);
}

/**
 * Returns text that is safe for a terminal: keeps marked escape sequences, and escapes every other control
 * character.
 */
export function guarded(text: string): string {
  const [first = '', ...marked] = text.split(MARK);
  const rest = marked.map((part) => {
    const own = OWN_SEQUENCE.exec(part)?.[0] ?? '';
    return own + visibleControls(part.slice(own.length));
  });
  return visibleControls(first) + rest.join('');
}

/** The text without the command line's own sequences, to compute its width. */
export function withoutOwnSequences(text: string): string {
  const [first = '', ...marked] = text.split(MARK);
  return first + marked.map((part) => part.replace(OWN_SEQUENCE, '')).join('');
}
