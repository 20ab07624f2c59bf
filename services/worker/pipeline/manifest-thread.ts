import { readManifest, type ReadManifest } from '@pointsman/protocol/artifacts/oci-manifest';

export interface ManifestTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Parses one manifest. This function runs in the thread. */
export function readInThread({ bytes }: ManifestTask): ReadManifest {
  return readManifest(bytes);
}
