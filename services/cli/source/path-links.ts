import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';

import { CliError } from '../failures.ts';
import { printable } from '../output/printable.ts';

/**
 * Refuses a path of the command line that passes through a symbolic link of the folder that the user works in: the link may have come with
 * that folder, and may lead to any file of this machine. Every part of a relative path is checked. Of an absolute path, the parts below the
 * working directory are checked, and the last part: links above are part of how the machine was set up (`/tmp` is a link on macOS). Throws
 * CliError that names the link. A part that is missing is left to the caller.
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
    // Not join(), which would take "link/.." for nothing.
    at += at === '' || at === root ? name : `${sep}${name}`;
    const isHere = realPath(at) === here;
    const isLast = index === names.length - 1;
    if ((isInside || (isLast && !isHere)) && isLink(at)) throw linkRefused(at);
    isInside ||= isHere;
  }
}

/** Whether a path below that folder, with `/` between its parts, passes through a symbolic link. */
export function hasLinkBelow(folder: string, path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, index) => isLink(join(folder, ...parts.slice(0, index + 1))));
}

function linkRefused(link: string): CliError {
  return new CliError('rejected', `${printable(link)} is a symbolic link, and links are refused.`, {
    hints: ['If what it points to is what you mean, give that path.'],
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
