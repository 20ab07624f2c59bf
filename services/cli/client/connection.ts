import { isAbsolute, join } from 'node:path';

import { isThisMachine } from './this-machine.ts';
import { CliError } from '../failures.ts';
import { readKept } from './home-file.ts';
import { given, type Environment, type GlobalOptions } from '../settings.ts';

/** Where the API is, and the token for it. Without a token the API answers 401, which says what is missing. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
}

const DEFAULT_URL = 'http://127.0.0.1:7400';

/**
 * The connection: from the command line, else the environment, else what `npm start` left in its home.
 *
 * A token goes only to the address that it was configured with. The home is `./.pointsman` unless POINTSMAN_HOME names it, so that its files
 * may have come with a repository of somebody else. Therefore such a file can neither redirect a token that the user gave, nor name another
 * machine at all; and the home's own token is for the home's own address alone. Throws CliError where that rule, or a wrong setting, is in
 * the way; nothing was sent then.
 */
export function connection(options: GlobalOptions, env: Environment): Connection {
  const home = given(env.POINTSMAN_HOME) ?? '.pointsman';
  const named = given(options.url) ?? given(env.POINTSMAN_URL);
  const kept = readKept(home, 'api-url');
  const url = named === null ? keptUrl(kept, home) : namedUrl(named);
  // The built-in address is where the token would go without that file as well.
  const isFoundOnly = named === null && !isSame(url, DEFAULT_URL) && !isAbsolute(home);
  const token = given(options.token) ?? given(env.POINTSMAN_TOKEN);
  if (token !== null && isFoundOnly) throw foundNotNamed(url, home);
  return { url, token: checkedToken(token ?? stackToken(url, kept, home)) };
}

/** The token of the home's stack, for the address of that stack alone. */
function stackToken(url: string, kept: string | null, home: string): string | null {
  const stack = kept === null ? null : originOf(kept);
  return stack !== null && isSame(url, stack) ? readKept(home, 'admin-token') : null;
}

/** The address that the home's stack left there, or the built-in one. */
function keptUrl(kept: string | null, home: string): string {
  if (kept === null) return DEFAULT_URL;
  if (!isAbsolute(home) && isElsewhere(kept)) throw foundElsewhere(kept, home);
  const url = originOf(kept);
  if (url !== null) return url;
  throw new CliError(
    'usage',
    `${join(home, 'api-url')} does not hold the origin of an API. Nothing was sent.`,
    {
      hints: ['Name the API with --url or POINTSMAN_URL. "npm start" writes the file again.'],
    },
  );
}

function namedUrl(text: string): string {
  const url = originOf(text);
  if (url !== null) return url;
  throw new CliError(
    'usage',
    'The address of the API must be an origin: http:// or https://, a host and perhaps a port.',
    { hints: ['Give it with --url or POINTSMAN_URL, such as https://pointsman.example.'] },
  );
}

/**
 * The text as an origin; null for anything else. A path, a query or a fragment would become part of every request, so that a file could
 * choose which resource of another local server gets what is sent. User information would be a second credential.
 */
function originOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : null;
}

function isElsewhere(text: string): boolean {
  return URL.canParse(text) && !isThisMachine(new URL(text).hostname);
}

function isSame(one: string, other: string): boolean {
  return byNumber(one) === byNumber(other);
}

function byNumber(url: string): string {
  return url.replace(/^http:\/\/localhost(?=[:/]|$)/, 'http://127.0.0.1');
}

function checkedToken(token: string | null): string | null {
  if (token === null || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new CliError('usage', 'The token has characters that no token has.');
}

function foundElsewhere(url: string, home: string): CliError {
  return new CliError(
    'usage',
    `${join(home, 'api-url')} names ${url}, which is not this machine. Nothing was sent.`,
    {
      hints: [
        'Files in the current folder may come from somebody else. Name the API yourself, with --url or POINTSMAN_URL.',
      ],
    },
  );
}

function foundNotNamed(url: string, home: string): CliError {
  return new CliError(
    'usage',
    `The token was not sent: only ${join(home, 'api-url')} in this folder names ${url}.`,
    {
      hints: [
        'Files in the current folder may come from somebody else, so a token goes to an address that you named.',
        `If this is the API that you mean: POINTSMAN_URL=${url} (or --url).`,
      ],
    },
  );
}
