import { readManifest, type ReadManifest } from '@pointsman/protocol/artifacts/oci-manifest';

export interface ManifestTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Reads one manifest. Runs in the thread. */
export function readInThread({ bytes }: ManifestTask): ReadManifest {
  return readManifest(bytes);
}
