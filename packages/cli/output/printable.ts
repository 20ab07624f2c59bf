import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * Returns untrusted text as a single line. The message of a release or the reason of a hold can therefore not
 * add lines to the output. Control characters are escaped here, and not only by the terminal guard, because a
 * table needs the final width of the text.
 */
export function printable(text: string): string {
  return visibleControls(text.replaceAll(/\s+/g, ' '));
}
