import { readManifest, type ReadManifest } from '../../../core/oci-manifest.ts';

export interface ManifestTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Reads one manifest. Runs in the thread. */
export function readInThread({ bytes }: ManifestTask): ReadManifest {
  return readManifest(bytes);
}
