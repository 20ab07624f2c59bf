import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { visibleControls } from '../../core/control-characters.ts';
import { parseJsonAs } from '../../core/json/parse-json.ts';
import { serverLimits } from '../embedded/limits.ts';

/** The log of that part; what an earlier start wrote moves to `NAME.log.1`, and what was there is gone. */
export function beginLog(folder: string, name: string): string {
  const file = join(folder, `${name}.log`);
  if (existsSync(file)) renameSync(file, `${file}.1`);
  appendFileSync(file, '', { mode: 0o600 });
  return file;
}

/**
 * Writes what a child of ours prints to its log, whole lines at a time, and shows warnings and errors: of its structured
 * lines those from that level on, without stack traces, of the rest what it wrote to its standard error. A log that can't be written (its disk is
 * full, its folder is gone) is no reason to end what writes to it: that is shown once, until it can be written again.
 */
export function keepOutput(
  output: Readable,
  file: string,
  show: (line: string) => void,
  isError: boolean,
): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isLost = false;
  const keep = (text: string): void => {
    try {
      append(file, text);
      isLost = false;
    } catch (error) {
      if (!isLost) show(`warning: its log can't be written: ${(error as Error).message}`);
      isLost = true;
    }
  };
  const take = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    keep(lines.map((line) => `${line}\n`).join(''));
    for (const line of lines) {
      const shown = worthShowing(line, isError);
      if (shown !== null) show(bounded(visibleControls(shown)));
    }
  };
  output.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = lines.pop() ?? '';
    take(lines.map(visibleControls));
  });
  output.on('end', () => take(rest === '' ? [] : [visibleControls(rest)]));
  output.on('error', () => undefined);
}

const PINO_WARN = 40;
const Line = z.looseObject({ level: z.number(), msg: z.string().optional() });
const levelNames: Readonly<Record<number, string>> = { 40: 'warning', 50: 'error', 60: 'fatal' };

function worthShowing(line: string, isError: boolean): string | null {
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
