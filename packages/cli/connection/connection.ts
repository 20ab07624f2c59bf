import { isAbsolute, join } from 'node:path';

import { isThisMachine } from './this-machine.ts';
import { CliError } from '../failures.ts';
import { readHomeFile } from './home-file.ts';
import { given, type Environment, type GlobalOptions } from '../settings.ts';

/**
 * The URL of the API, and the bearer token. If the token is null, calls are sent without one, and the API
 * rejects them with 401.
 */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
}

const DEFAULT_URL = 'http://127.0.0.1:7400';

/**
 * Returns the URL and the token of the API. They come from the command line, the environment, or the data
 * directory of `npm start` (the "home"), in this order.
 *
 * A token is sent only to the URL with which it was configured. The home is `./.pointsman` unless
 * POINTSMAN_HOME is set, so its files may come from someone else's repository. Such files must not redirect a
 * token that the user configured, and their URL must not be on another machine. The token in the home is sent
 * only to the URL in the home.
 *
 * If these rules prevent a connection, or a setting is invalid, throws CliError before any request is sent.
 */
export function connection(options: GlobalOptions, env: Environment): Connection {
  const home = given(env.POINTSMAN_HOME) ?? '.pointsman';
  const named = given(options.url) ?? given(env.POINTSMAN_URL);
  const kept = readHomeFile(home, 'api-url');
  const url = named === null ? homeUrl(kept, home) : namedUrl(named);
  // True if the URL comes only from a file in a relative home. The built-in default URL does not count,
  // because the user's token would be sent to it even without that file.
  const isFoundOnly = named === null && !isSame(url, DEFAULT_URL) && !isAbsolute(home);
  const token = given(options.token) ?? given(env.POINTSMAN_TOKEN);
  if (token !== null && isFoundOnly) throw foundNotNamed(url, home);
  return { url, token: checkedToken(token ?? stackToken(url, kept, home)) };
}

/** Returns the token from the home. Returns null if `url` is not the URL that the home contains. */
function stackToken(url: string, kept: string | null, home: string): string | null {
  const stack = kept === null ? null : originOf(kept);
  return stack !== null && isSame(url, stack) ? readHomeFile(home, 'admin-token') : null;
}

/** Returns the URL from the home, or the built-in default URL if the home contains none. */
function homeUrl(kept: string | null, home: string): string {
  if (kept === null) return DEFAULT_URL;
  if (!isAbsolute(home) && isElsewhere(kept)) throw foundElsewhere(kept, home);
  const url = originOf(kept);
  if (url !== null) return url;
  throw new CliError(
    'usage',
    `${join(home, 'api-url')} does not contain the origin of an API. Nothing was sent.`,
    {
      hints: ['Give the URL of the API with --url or POINTSMAN_URL. "npm start" writes the file again.'],
    },
  );
}

function namedUrl(text: string): string {
  const url = originOf(text);
  if (url !== null) return url;
  throw new CliError(
    'usage',
    'The URL of the API must be an origin: http:// or https://, a host, and optionally a port.',
    { hints: ['Give it with --url or POINTSMAN_URL, for example https://pointsman.example.'] },
  );
}

/**
 * Parses a URL that consists only of an origin. Returns null for any other text. The URL may come from a file
 * that another person wrote. With a path or a query, it could direct every request to a chosen resource of
 * another local server. With user information, it could add a second credential.
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
  throw new CliError('usage', 'The token contains invalid characters. Check --token or POINTSMAN_TOKEN.');
}

function foundElsewhere(url: string, home: string): CliError {
  return new CliError(
    'usage',
    `${join(home, 'api-url')} contains ${url}, which is not this machine. Nothing was sent.`,
    {
      hints: [
        'Files in the current folder may come from someone else. Give the URL of the API yourself, with --url or POINTSMAN_URL.',
      ],
    },
  );
}

function foundNotNamed(url: string, home: string): CliError {
  return new CliError(
    'usage',
    `The token was not sent: ${url} comes only from ${join(home, 'api-url')} in this folder.`,
    {
      hints: [
        'Files in the current folder may come from someone else, so a token is sent only to a URL that you give.',
        `If this is the right API, set POINTSMAN_URL=${url} (or --url).`,
      ],
    },
  );
}
