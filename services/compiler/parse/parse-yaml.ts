import { Composer, isScalar, Parser, type Document, type ErrorCode } from 'yaml';
import { documentLimits } from '@pointsman/protocol/limits';
import { type Integers, type ParsedText, type Problem, tooDeepMessage } from './parsed-document.ts';
import { locateInYaml } from './yaml-places.ts';
import { valueOfYaml } from './yaml-value.ts';
import { tooDeepAt } from './yaml-depth.ts';

/**
 * Parses one YAML 1.2 document with the core schema. The library's own check for duplicate keys takes quadratic time:
 * 4 s instead of 0.15 s for 20,000 keys. It is disabled, and yaml-value.ts checks the keys in linear time.
 */
export function parseYaml(text: string, integers: Integers = 'exact'): ParsedText {
  const tokens = [...new Parser().parse(text)];
  // Checks the depth on the tokens of the library's parser, which is not recursive. The library's composer, which
  // runs next, is recursive and would overflow the stack.
  const deep = tooDeepAt(tokens);
  if (deep !== null) {
    return refused({ pointer: '', code: 'too_deep', message: tooDeepMessage, offset: deep });
  }
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (!document)
    return refused({ pointer: '', code: 'empty_document', message: 'the file has no document', offset: 0 });
  const problems = problemsOf(document, second);
  const locate = (pointer: string, key = false): number => locateInYaml(document.contents, pointer, key);
  if (problems.length === 0) return { ...valueOfYaml(document, integers), locate };
  const known = readableUntil(document);
  const others = valueOfYaml(document).problems.filter(({ offset }) => offset !== null && offset < known);
  return { value: null, problems: [...problems, ...others], locate };
}

function refused(problem: Problem): ParsedText {
  return { value: null, problems: [problem], locate: () => problem.offset ?? 0 };
}

/**
 * Returns the offset up to which the structure of the document is certain. After a structural error, the library
 * guesses the structure. A duplicate key after this offset may not exist in the file, so it is not reported.
 */
function readableUntil({ errors, directives }: Document.Parsed | Document): number {
  if ((directives?.yaml.version ?? '1.2') !== '1.2') return 0;
  const inForm = errors.filter(({ code }) => !INSIDE_ONE_VALUE.has(code)).map(({ pos }) => pos[0]);
  // `Math.min(...offsets)` is not used. It throws a RangeError if there are more errors than a call can have
  // arguments.
  return inForm.reduce((first, at) => Math.min(first, at), Number.POSITIVE_INFINITY);
}

const INSIDE_ONE_VALUE: ReadonlySet<string> = new Set<ErrorCode>([
  'BAD_ALIAS',
  'BAD_DQ_ESCAPE',
  'BAD_SCALAR_START',
  'MULTIPLE_ANCHORS',
  'MULTIPLE_TAGS',
  'TAG_RESOLVE_FAILED',
]);

function problemsOf(document: Document.Parsed | Document, second: Document | undefined): Problem[] {
  const problems: Problem[] = [...document.errors, ...document.warnings]
    .slice(0, documentLimits.diagnostics)
    .map((error) => ({
      pointer: '',
      code: `yaml_${error.code.toLowerCase()}`,
      message: error.message,
      offset: error.pos[0],
    }));
  const add = (code: string, message: string, offset: number): number =>
    problems.push({ pointer: '', code, message, offset });
  const version = document.directives?.yaml.version ?? '1.2';
  if (version !== '1.2') add('yaml_version', `YAML ${version} is not supported; use YAML 1.2`, 0);
  if (second)
    add('multiple_documents', 'a file may have only one document; split it at "---"', second.range?.[0] ?? 0);
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null && contents.source === '')) {
    add('empty_document', 'the file has no document; write {} or null if that is intended', 0);
  }
  return problems;
}
