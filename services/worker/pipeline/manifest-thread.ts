import { readManifest, type ReadManifest } from '../../../core/oci-manifest.ts';

export interface ManifestTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Runs in a thread: reads one manifest. */
export function readInThread({ bytes }: ManifestTask): ReadManifest {
  return readManifest(bytes);
}
