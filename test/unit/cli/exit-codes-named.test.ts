import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';

import { EXIT_CODES, type ExitName } from '../../../packages/cli/exit-codes.ts';

const root = join(import.meta.dirname, '../../..');

/** A text that names an exit code. `around` is the text next to the code. */
interface Mention {
  readonly file: string;
  readonly code: number;
  readonly around: string;
}

/** By exit code: words that express its meaning. Every text about the code must contain one of them. */
const WORD: Readonly<Record<ExitName, RegExp>> = {
  done: /published|success/i,
  failed: /unexpected/i,
  usage: /command line|setting/i,
  rejected: /refused|invalid/i,
  errored: /error/i,
  superseded: /newer/i,
  cancelled: /cancelled/i,
  refused: /conflict|409/i,
  unauthorised: /token/i,
  inFlight: /in flight/i,
  unavailable: /unreachable|is down/i,
  notFound: /does not exist/i,
  interrupted: /Ctrl-C/i,
};

/** Mentions in prose ("exit code 5", "the command ends with 8"), and in the comments of examples ("(5)"). */
const IN_PROSE = [/exit\s+code\s+(\d+)/gi, /command\s+(?:ends|exits)\s+with\s+(\d+)/gi];
const IN_COMMENTS = [/[a-z] \((\d+)\)/gi];

async function mentions(): Promise<Mention[]> {
  const found: Mention[] = [];
  for await (const file of glob(['README.md', 'docs/**/*.md', 'examples/**', 'examples/**/.*'], {
    cwd: root,
  })) {
    if (!/\.(?:md|ya?ml|sh)$/.test(file)) continue;
    const text = await readFile(join(root, file), 'utf8');
    const patterns = file.startsWith('examples/ci/') ? [...IN_PROSE, ...IN_COMMENTS] : IN_PROSE;
    for (const match of patterns.flatMap((pattern) => [...text.matchAll(pattern)])) {
      const around = text.slice(Math.max(0, match.index - 100), match.index + 100);
      found.push({ file, code: Number(match[1]), around: around.replaceAll(/[\s#]+/g, ' ') });
    }
    // A branch of a shell's `case` statement, such as `5) echo '…' ;;`.
    for (const [line, code] of text.matchAll(/^ *(\d+)\) .*;;$/gm))
      found.push({ file, code: Number(code), around: line.trim() });
  }
  return found;
}

test('each exit code in the documentation and the examples is in the exit code table, and has the same meaning in the examples', async () => {
  const named = await mentions();
  const names = new Map(
    Object.entries(EXIT_CODES).map(([name, { code }]) => [code as number, name as ExitName]),
  );
  const wrong = named.filter(({ file, code, around }) => {
    const name = names.get(code);
    if (name !== undefined && !file.startsWith('examples/')) return false;
    // A `case` branch without a command does not explain its code, so it needs no such word.
    return name === undefined || (!WORD[name].test(around) && !/^\d+\) ;;$/.test(around));
  });
  expect(wrong).toEqual([]);
  // Proves that the search finds each kind of mention.
  expect(named.map(({ file, code }) => `${basename(file)} ${code}`)).toEqual(
    expect.arrayContaining(['ci.md 5', 'ci.md 8', 'github-actions.yml 3', '.gitlab-ci.yml 10']),
  );
});

test('the exit codes that a GitLab job allows are in the exit code table', async () => {
  const text = await readFile(join(root, 'examples/ci/.gitlab-ci.yml'), 'utf8');
  const codes = /exit_codes: (\[[\d, ]+\])/.exec(text)?.[1] ?? 'null';
  expect(JSON.parse(codes)).toEqual([EXIT_CODES.superseded.code, EXIT_CODES.inFlight.code]);
});

test('the exit code table describes each exit code with the word for its outcome', () => {
  for (const [name, word] of Object.entries(WORD))
    expect(EXIT_CODES[name as ExitName].meaning, name).toMatch(word);
});
