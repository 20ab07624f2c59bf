import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { visibleControls } from '@pointsman/protocol/text/control-characters';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { serverLimits } from '../embedded/limits.ts';

/**
 * Creates an empty log file for a process and returns its path. The log of the previous start is renamed to
 * `NAME.log.1`, which replaces the log of the start before that.
 */
export function rotateLog(folder: string, name: string): string {
  const file = join(folder, `${name}.log`);
  if (existsSync(file)) renameSync(file, `${file}.1`);
  appendFileSync(file, '', { mode: 0o600 });
  return file;
}

/**
 * Writes the output of a child process to its log file, in whole lines, and prints warnings and errors for
 * the user. Of structured lines, those with the level of a warning or higher are printed, without stack
 * traces. Other lines are printed only if they come from stderr.
 *
 * If the log can't be written (a full disk, a missing folder), the child process must continue. The error is
 * therefore only printed, once. It is printed again only after the log was writable in between.
 */
export function captureOutput(
  output: Readable,
  file: string,
  show: (line: string) => void,
  isError: boolean,
): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isLost = false;
  const write = (text: string): void => {
    try {
      append(file, text);
      isLost = false;
    } catch (error) {
      if (!isLost) show(`warning: its log cannot be written: ${(error as Error).message}`);
      isLost = true;
    }
  };
  const handleLines = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    write(lines.map((line) => `${line}\n`).join(''));
    for (const line of lines) {
      const shown = lineToPrint(line, isError);
      if (shown !== null) show(bounded(visibleControls(shown)));
    }
  };
  output.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = lines.pop() ?? '';
    handleLines(lines.map(visibleControls));
  });
  output.on('end', () => handleLines(rest === '' ? [] : [visibleControls(rest)]));
  output.on('error', () => undefined);
}

const PINO_WARN = 40;
const Line = z.looseObject({ level: z.number(), msg: z.string().optional() });
const levelNames: Readonly<Record<number, string>> = { 40: 'warning', 50: 'error', 60: 'fatal' };

function lineToPrint(line: string, isError: boolean): string | null {
  const parsed = parseJsonAs(Line, line);
  if (parsed === null) return isError && line.trim() !== '' ? line : null;
  const { level, msg = '', time: _time, pid: _pid, hostname: _hostname, process: _process, ...more } = parsed;
  if (level < PINO_WARN) return null;
  const details = Object.keys(more).length === 0 ? '' : ` ${JSON.stringify(more, withoutStacks)}`;
  return `${levelNames[level] ?? 'error'}: ${msg}${details}`;
}

function withoutStacks(key: string, value: unknown): unknown {
  return key === 'stack' ? undefined : value;
}

function bounded(text: string): string {
  return text.length <= serverLimits.shownChars ? text : `${text.slice(0, serverLimits.shownChars)}…`;
}

function append(file: string, text: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > serverLimits.logBytes)
    renameSync(file, `${file}.1`);
  appendFileSync(file, text, { mode: 0o600 });
}
