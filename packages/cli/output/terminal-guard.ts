import { randomBytes } from 'node:crypto';

import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * A marker that the command line writes before each of its own escape sequences. It is random for each
 * process, so that untrusted text can't contain it.
 */
const MARK = String.fromCharCode(...[...randomBytes(8)].map((byte) => 0xe000 + byte));

// eslint-disable-next-line no-control-regex -- the escape character begins each sequence
const OWN_SEQUENCE = /^(?:\r\u001b\[2K|\u001b\[[0-9]+m)/;

/**
 * Marks the escape sequences in the text as written by the command line itself, so that {@link guarded} does
 * not escape them.
 */
export function ownSequences(sequences: string): string {
  // eslint-disable-next-line no-control-regex -- as above
  return sequences.replaceAll(/\r?\u001b/g, (begin) => `${MARK}${begin}`);
}

/**
 * Returns text that is safe to write to a terminal. It keeps the escape sequences that are marked and escapes
 * every other control character.
 */
export function guarded(text: string): string {
  const [first = '', ...marked] = text.split(MARK);
  const rest = marked.map((part) => {
    const own = OWN_SEQUENCE.exec(part)?.[0] ?? '';
    return own + visibleControls(part.slice(own.length));
  });
  return visibleControls(first) + rest.join('');
}

/** Returns the text without the marked escape sequences. Needed to compute the width of the text. */
export function withoutOwnSequences(text: string): string {
  const [first = '', ...marked] = text.split(MARK);
  return first + marked.map((part) => part.replace(OWN_SEQUENCE, '')).join('');
}
