import { artifactLimits } from '@pointsman/protocol/limits';
import { type Json, canonicalJson } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import type { Findings } from '../findings.ts';
import { childOf, isObject, pointerStep, pointerSteps } from '../parse/json-pointer.ts';
import { formatOf, parseDocument, type ParsedDocument } from '../parse/parse-document.ts';
import type { PlacedRecipe } from '../recipe/recipe.ts';
import type { SourceFiles } from '../source-files.ts';

/** What one channel changes in one document. */
export interface Patch {
  readonly channel: string;
  readonly value: Json;
  readonly digest: string;
  /** Reports something about the patched document at the place in the overlay that is nearest to it. */
  readonly refuse: (pointer: string, code: string, message: string) => void;
}

/** By channel, then by the document's path. A channel with an overlay is there even if it changes nothing. */
export type Patches = ReadonlyMap<string, ReadonlyMap<string, Patch>>;

/**
 * Reads the overlays. An overlay file (JSON, YAML or TOML) is a map from a document's path to the JSON Merge Patch (RFC 7396) that
 * the channel applies to it:
 *
 *     agents/support.yaml:
 *       model: { name: small }
 *       debug: null              # takes "debug" away
 *
 * A patch is a map, since a document cannot be replaced or taken away by a channel, only changed.
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
      placed.refuse(['overlays', channel], 'unknown_format', 'an overlay is JSON, YAML or TOML');
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
    refuse('', 'overlay_invalid', "an overlay is a map from a document's path to its patch");
    return new Map();
  }
  const patches = new Map<string, Patch>();
  for (const [path, value] of Object.entries(overlay.value)) {
    const root = pointerStep(path);
    if (left.patches-- <= 0) {
      const message = `the overlays patch more than ${artifactLimits.patchedDocuments} documents together`;
      refuse(root, 'too_many_patches', message, true);
      break;
    }
    if (!documentPaths.has(path))
      refuse(root, 'overlay_target', `${path} is not a document of this source`, true);
    else if (!isObject(value)) refuse(root, 'overlay_invalid', 'a patch is a map of what changes');
    else {
      const refuseAt: Patch['refuse'] = (pointer, code, message) =>
        refuse(root + nearest(value, pointer), code, `${message} (in channel ${channel})`);
      patches.set(path, { channel, value, digest: digestOf(canonicalJson(value)), refuse: refuseAt });
    }
  }
  return patches;
}

/** RFC 7396, section 2. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: { [key: string]: Json } = isObject(target) ? { ...target } : {};
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete merged[key];
    else merged[key] = mergePatch(Object.hasOwn(merged, key) ? (merged[key] ?? null) : null, change);
  }
  return merged;
}

/** The longest beginning of a pointer that exists in a value. */
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
