import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';

import { CliError } from '../failures.ts';
import { printable } from '../output/printable.ts';

/**
 * Refuses a path on the command line that passes through a symbolic link in the user's working folder: the link may come from someone
 * else's repository, and may lead to any file of this machine. Checks every part of a relative path. Of an absolute path, checks the parts
 * below the working directory and the last part: links above belong to the machine's setup (`/tmp` is a link on macOS). Throws CliError
 * that names the link. A missing part is left to the caller.
 */
export function refuseLinks(path: string): void {
  const { root } = parse(path);
  const names = path
    .slice(root.length)
    .split(sep === '\\' ? /[/\\]/ : sep)
    .filter((part) => part !== '' && part !== '.');
  const here = realPath('.');
  let isInside = !isAbsolute(path);
  let at = root;
  for (const [index, name] of names.entries()) {
    // Not join(), which would drop "link/..".
    at += at === '' || at === root ? name : `${sep}${name}`;
    const isHere = realPath(at) === here;
    const isLast = index === names.length - 1;
    if ((isInside || (isLast && !isHere)) && isLink(at)) throw linkRefused(at);
    isInside ||= isHere;
  }
}

/** Whether a path below that folder, separated by `/`, passes through a symbolic link. */
export function hasLinkBelow(folder: string, path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, index) => isLink(join(folder, ...parts.slice(0, index + 1))));
}

function linkRefused(link: string): CliError {
  return new CliError('rejected', `${printable(link)} is a symbolic link, which is not allowed.`, {
    hints: ["To use its target, give the target's path."],
  });
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
