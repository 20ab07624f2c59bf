import { expect, test } from 'vitest';
import { formatDiagnostics } from '../../../packages/protocol/releases/format-diagnostics.ts';

const at = (line: number, column: number) => ({
  path: 'a.yaml',
  line,
  column,
  pointer: '/x',
  code: 'some_code',
  message: 'is wrong',
});

test('a diagnostic is shown with its line and a caret under its column', () => {
  const text = 'first: 1\n\tsecond: two\n';
  expect(formatDiagnostics([at(2, 10)], () => text)).toBe(
    'a.yaml:2:10: error[some_code]: is wrong\n2 | \tsecond: two\n  | \t        ^\n',
  );
});

test('a diagnostic is shown without its line when the text is missing or the line is very long', () => {
  expect(formatDiagnostics([at(2, 1), at(3, 1)])).toBe(
    'a.yaml:2:1: error[some_code]: is wrong\na.yaml:3:1: error[some_code]: is wrong\n',
  );
  expect(formatDiagnostics([at(1, 1)], () => 'x'.repeat(1_000))).toBe(
    'a.yaml:1:1: error[some_code]: is wrong\n',
  );
  expect(formatDiagnostics([])).toBe('');
});

test('a diagnostic cannot send control characters of the source to the terminal', () => {
  const escape = { ...at(1, 1), path: 'a\u001b[2J.yaml', message: 'bad\n\u001b]0;title\u0007' };
  expect(formatDiagnostics([escape], () => 'x\u001b[31my')).not.toMatch(/[\u001b\u0007]/); // eslint-disable-line no-control-regex -- must not be in the output
});
