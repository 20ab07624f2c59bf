import { humanBytes } from '@pointsman/protocol/text/amounts';
import type { CommandRun } from '../context.ts';
import { IGNORE_FILE } from './ignore-file.ts';
import type { PackedSource } from './pack.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { counted, firstNames } from '../output/format.ts';

/**
 * Prints the result of `publish --list`: the files that would be sent on `out`, and the ignored ones on
 * `err`.
 */
export function showSourceList({ terminal }: CommandRun, { files, ignored, bytes }: PackedSource): void {
  if (terminal.json) {
    const listed = files.map(({ path, content }) => ({ path, bytes: content.byteLength }));
    terminal.document({ files: listed, bytes, ignored });
    return;
  }
  terminal.out(table(files.map((file) => [printable(file.path), humanBytes(file.content.byteLength)])));
  for (const path of ignored) terminal.err(`ignored  ${printable(path)}\n`);
  terminal.err(`${counted(files.length, 'file')}, ${humanBytes(bytes)}; nothing was sent\n`);
}

/** Prints one line about ignored files, if there are any. */
export function printIgnored({ terminal }: CommandRun, { ignored }: PackedSource): void {
  if (ignored.length === 0) return;
  const see = `"--list" lists what is sent; change it in ${IGNORE_FILE}`;
  terminal.err(`${terminal.paintErr('dim', `  ignored: ${firstNames(ignored)} (${see})`)}\n`);
}
