import { visibleControls } from '../../../core/control-characters.ts';

/**
 * A text from elsewhere as one line: a release's message or a hold's reason must not forge further lines. Its control characters become
 * visible here as well as in the terminal's guard, so that the columns of a table are as wide as what they show.
 */
export function printable(text: string): string {
  return visibleControls(text.replaceAll(/\s+/g, ' '));
}
