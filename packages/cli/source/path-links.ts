import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';

import { CliError } from '../failures.ts';
import { printable } from '../output/printable.ts';

/**
 * Rejects a path on the command line that contains a symbolic link in the user's working directory. Such a
 * link may come from someone else's repository, and it may point to any file of this machine.
 *
 * In a relative path, every part is checked. In an absolute path, only the last part and the parts below the
 * working directory are checked. Other links belong to the setup of the machine (on macOS, `/tmp` is a link).
 * A missing file is not an error here. Throws a CliError that names the link.
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
    // The path is not built with join(), because join() would remove "link/.." from it.
    at += at === '' || at === root ? name : `${sep}${name}`;
    const isHere = realPath(at) === here;
    const isLast = index === names.length - 1;
    if ((isInside || (isLast && !isHere)) && isLink(at)) throw linkRefused(at);
    isInside ||= isHere;
  }
}

/**
 * Returns whether any part of a path below the folder is a symbolic link. The parts of the path are separated
 * by `/`.
 */
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
