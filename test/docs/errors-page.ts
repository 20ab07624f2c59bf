import { ERRORS, type ErrorCode } from '../../packages/protocol/errors.ts';
import { EXIT_CODES, exitOfProblem } from '../../packages/cli/exit-codes.ts';
import { code, markdownTable } from './markdown.ts';

/** Generates docs/reference/errors.md: every code of a problem document. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, title }]) => [
    code(name),
    String(status),
    title,
    String(EXIT_CODES[exitOfProblem(name as ErrorCode, status)].code),
  ]);
  return [
    '# Error codes',
    'An error of the API is a problem document (RFC 9457): `application/problem+json` with `type`, `title`, `status`, `detail`, `code`, `instance` and `requestId`. Programs can rely on `code`; `title` is the same for every error of a code; `detail` describes this error. Some codes add members, such as `errors`, `diagnostics` or `pointer`: the [HTTP API](http-api.md) lists the codes of each operation, and [gates](../guides/gates.md#refusals) describes those of decisions.',
    'The last column is the exit code of the command line. With `429` and `503` the response has `Retry-After`.',
    markdownTable(['code', 'status', 'title', 'exit code'], rows),
  ].join('\n\n');
}
