import { artifactLimits } from '@pointsman/protocol/limits';
import { type Json, canonicalJson } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import type { Findings } from '../findings.ts';
import { childOf, isObject, pointerStep, pointerSteps } from '../parse/json-pointer.ts';
import { formatOf, parseDocument, type ParsedDocument } from '../parse/parse-document.ts';
import type { PlacedRecipe } from '../recipe/recipe.ts';
import type { SourceFiles } from '../source-files.ts';

/** The patch that one channel applies to one document. */
export interface Patch {
  readonly channel: string;
  readonly value: Json;
  readonly digest: string;
  /**
   * Reports an error at a pointer of the patched document. The reported position is in the overlay file. It is the
   * position of the pointer, or of its nearest parent that the patch contains.
   */
  readonly refuse: (pointer: string, code: string, message: string) => void;
}

/** The patches by channel, then by document path. A channel whose overlay contains no patch has an empty map. */
export type Patches = ReadonlyMap<string, ReadonlyMap<string, Patch>>;

/**
 * Reads the overlay files (JSON, YAML or TOML) of the recipe, one for each channel that has an overlay. An overlay
 * maps the path of a document to the JSON Merge Patch (RFC 7396) that the channel applies to the document:
 *
 *     agents/support.yaml:
 *       model: { name: small }
 *       debug: null              # removes "debug"
 *
 * A patch must be a map, because a channel can change a document, but can't replace or remove it.
 */
export async function readOverlays(
  placed: PlacedRecipe,
  files: SourceFiles,
  documentPaths: ReadonlySet<string>,
  found: Findings,
): Promise<Patches> {
  const patches = new Map<string, Map<string, Patch>>();
  const left = { patches: artifactLimits.patchedDocuments };
  await files.read(Object.values(placed.recipe.overlays));
  for (const [channel, path] of Object.entries(placed.recipe.overlays)) {
    const format = formatOf(path);
    if (!files.find(path))
      placed.refuse(['overlays', channel], 'file_missing', `${path} is not in the source`);
    else if (!format)
      placed.refuse(['overlays', channel], 'unknown_format', 'an overlay must be JSON, YAML or TOML');
    else
      patches.set(
        channel,
        readOverlay(channel, parseDocument(path, format, files.contentOf(path)), documentPaths, left, found),
      );
  }
  return patches;
}

function readOverlay(
  channel: string,
  overlay: ParsedDocument,
  documentPaths: ReadonlySet<string>,
  left: { patches: number },
  found: Findings,
): Map<string, Patch> {
  for (const problem of overlay.problems) found.add(overlay.diagnose(problem));
  if (overlay.problems.length > 0) return new Map();
  const refuse = (pointer: string, code: string, message: string, key = false): void => {
    found.add(
      overlay.diagnose({ pointer, code, message, offset: key ? overlay.locate(pointer, true) : null }),
    );
  };
  if (!isObject(overlay.value)) {
    refuse('', 'overlay_invalid', 'an overlay must be a map from document paths to patches');
    return new Map();
  }
  const patches = new Map<string, Patch>();
  for (const [path, value] of Object.entries(overlay.value)) {
    const root = pointerStep(path);
    if (left.patches-- <= 0) {
      const message = `together the overlays have more than ${artifactLimits.patchedDocuments} patches`;
      refuse(root, 'too_many_patches', message, true);
      break;
    }
    if (!documentPaths.has(path))
      refuse(root, 'overlay_target', `${path} is not a document of this source`, true);
    else if (!isObject(value)) refuse(root, 'overlay_invalid', 'a patch must be a map');
    else {
      const refuseAt: Patch['refuse'] = (pointer, code, message) =>
        refuse(root + nearest(value, pointer), code, `${message} (in channel ${channel})`);
      patches.set(path, { channel, value, digest: digestOf(canonicalJson(value)), refuse: refuseAt });
    }
  }
  return patches;
}

/** Applies a JSON Merge Patch (RFC 7396, section 2). */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: { [key: string]: Json } = isObject(target) ? { ...target } : {};
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete merged[key];
    else merged[key] = mergePatch(Object.hasOwn(merged, key) ? (merged[key] ?? null) : null, change);
  }
  return merged;
}

/** Returns the longest prefix of a pointer that exists in a value. */
function nearest(value: Json, pointer: string): string {
  let inside: Json | undefined = value;
  let reached = '';
  for (const step of pointerSteps(pointer) ?? []) {
    inside = childOf(inside, step);
    if (inside === undefined) break;
    reached += pointerStep(step);
  }
  return reached;
}
