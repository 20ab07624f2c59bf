import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * Returns untrusted text as one line, so that a release's message or a hold's reason can't forge additional
 * lines. Escapes control characters here, although the terminal guard does so too, because tables need the
 * final width of the text.
 */
export function printable(text: string): string {
  return visibleControls(text.replaceAll(/\s+/g, ' '));
}
