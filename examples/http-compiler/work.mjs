// One job: the source, what is made of it, and the last word.
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';

// Pointsman's own, so that what is compiled here has the digests that it would have there. A compiler elsewhere writes its own.
import { canonicalJson } from '@pointsman/protocol/json/canonical-json';
import { digestOf } from '@pointsman/protocol/digest';
import { artifactManifest, mediaTypes } from '@pointsman/protocol/artifacts/oci';
import { sourceTree } from '@pointsman/protocol/releases/source';
import { assetMediaType } from '../../services/compiler/asset-media-type.ts';
import { call, Over } from './calls.mjs';

/** Twice the largest source. Past it something else is at the other end. */
const UNPACKED_BYTES = 64 * 1024 * 1024;

/** Compiles, uploads and calls back. Never rejects; says in words what became of the job. */
export async function work(job) {
  try {
    const report = await compiled(job).catch((error) => {
      if (error instanceof Over) throw error;
      return { status: 'failed', message: printable(`the compiler broke: ${error.message}`) };
    });
    const headers = { 'content-type': 'application/json' };
    await call(job, job.callback.url, { method: 'POST', headers, body: JSON.stringify(report) });
    return report.status;
  } catch (error) {
    return error.message;
  }
}

async function compiled(job) {
  const archive = await call(job, job.source.url, {});
  const files = await unpack(archive, job.source.digest);
  const blobs = new Map();
  const keep = (content, mediaType) => {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    blobs.set(digest, { bytes, mediaType });
    return { digest, size: bytes.length, mediaType };
  };
  const diagnostics = [];
  const entries = [];
  for (const [path, content] of files) {
    try {
      const isDocument = path.endsWith('.json');
      const body = isDocument ? canonicalJson(JSON.parse(content.toString('utf8'))) : content;
      entries.push({ path, ...keep(body, isDocument ? mediaTypes.document : assetMediaType(path)) });
    } catch (error) {
      const message = printable(error.message);
      diagnostics.push({ path, line: 1, column: 1, pointer: '', code: 'json_syntax', message });
    }
  }
  if (diagnostics.length > 0) return { status: 'invalid', diagnostics: diagnostics.slice(0, 200) };
  const { manifest, index } = artifactManifest(entries);
  keep(index.text, index.mediaType);
  keep(manifest.text, manifest.mediaType);
  for (const [digest, { bytes, mediaType }] of blobs) {
    const headers = { 'content-type': mediaType };
    await call(job, `${job.upload.url}/${digest}`, { method: 'PUT', headers, body: bytes });
  }
  return { status: 'compiled', artifacts: [{ channel: null, digest: manifest.digest }] };
}

/** In memory: what is never written to a disk can't lead out of a folder. The digest says of every byte whether it arrived. */
async function unpack(archive, digest) {
  const files = new Map();
  const tar = extract();
  tar.end(gunzipSync(archive, { maxOutputLength: UNPACKED_BYTES }));
  for await (const entry of tar) {
    const content = await buffer(entry);
    if (entry.header.type === 'file') files.set(entry.header.name, content);
  }
  const entries = [...files].map(([path, content]) => ({
    path,
    digest: digestOf(content),
    size: content.length,
  }));
  if (sourceTree(entries).digest !== digest)
    throw new Error('the archive holds another source than the job names');
  return files;
}

/** A report with control characters, or half of a character, would be refused. */
function printable(text) {
  return text
    .slice(0, 500)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
    .toWellFormed();
}
