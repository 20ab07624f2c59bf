import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * Text from outside as one line: a release's message or a hold's reason must not forge further lines. Control characters become visible
 * here as well as in the terminal's guard, so that the columns of a table have the right width.
 */
export function printable(text: string): string {
  return visibleControls(text.replaceAll(/\s+/g, ' '));
}
