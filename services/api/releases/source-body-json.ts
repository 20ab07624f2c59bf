import { PublishBody } from '@pointsman/protocol/releases/release-bodies';
import { SourceFiles, TooLarge } from '../../source-archive/source-files.ts';
import { readJson } from '../requests/json-text.ts';
import { sourceBodyLimits } from '../limits.ts';
import type { SourceBody } from './source-body.ts';
import { bodyProblems } from '../requests/validate.ts';

/** Parses the JSON body of a publish. Its field `files` maps each path to the text of the file, to its bytes in base64, or to the digest of stored content. */
export function readJsonSource(bytes: Uint8Array): SourceBody {
  const json = readJson(bytes, sourceBodyLimits.jsonValues);
  if (json.kind === 'malformed') return json;
  const parsed = PublishBody.safeParse(json.value);
  if (!parsed.success) {
    return { kind: 'unacceptable', errors: bodyProblems(parsed) };
  }
  const { files, ...options } = parsed.data;
  const read = new SourceFiles();
  try {
    for (const [path, content] of Object.entries(files)) {
      if (typeof content === 'object' && 'digest' in content) {
        if (read.admit(path, 0)) read.addStored(path, content.digest);
        continue;
      }
      const bytesOfFile = typeof content === 'string' ? Buffer.from(content) : decodeBase64(content.base64);
      if (bytesOfFile === null)
        read.refuse(path, 'base64', 'must be base64 with padding (RFC 4648, section 4)');
      else if (read.admit(path, bytesOfFile.byteLength)) read.add(path, bytesOfFile);
    }
  } catch (error) {
    if (error instanceof TooLarge) return { kind: 'too_large', message: error.message };
    throw error;
  }
  const source = read.finish();
  return source.kind === 'source' ? { ...source, options } : source;
}

// Node's base64 decoder is lenient: it skips unknown characters and stops at "=". Accept only text that Node's encoder produces for the
// same bytes.
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
