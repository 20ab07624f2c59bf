import { PointsmanError } from '@pointsman/protocol/errors';
import { bodyPace } from '../limits.ts';

/** The type of {@link bodyPace}, for callers that use other values. */
export type BodyPace = { readonly [limit in keyof typeof bodyPace]: number };

/** Called with each chunk of a body before the chunk is stored. If it throws, reading ends with its error. */
type OnChunk = (bytes: number, chunk: Uint8Array) => void;

interface ReadOptions {
  readonly onChunk?: OnChunk;
  /** The minimum rate at which the body must arrive. The default is {@link bodyPace}. */
  readonly pace?: BodyPace;
}

/**
 * Reads the body of a request. Throws `too_large` at the first byte over the limit, even if the headers declared fewer bytes. Throws
 * `too_slow` when the body arrives below the minimum rate.
 */
export async function readBody(
  request: Request,
  limit: number,
  { onChunk = () => {}, pace = bodyPace }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const keep: OnChunk = (bytes, chunk) => {
    onChunk(bytes, chunk);
    chunks.push(chunk);
  };
  const size = await readChunks(request, limit, { onChunk: keep, pace });
  return joined(chunks, size);
}

/** Reads and discards a body with the same limits as {@link readBody}. Returns the size of the body in bytes. */
export async function skipBody(
  request: Request,
  limit: number,
  { onChunk = () => {}, pace = bodyPace }: ReadOptions = {},
): Promise<number> {
  return readChunks(request, limit, { onChunk, pace });
}

async function readChunks(
  request: Request,
  limit: number,
  { onChunk, pace }: Required<ReadOptions>,
): Promise<number> {
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return 0;
  let size = 0;
  const reader = request.body.getReader();
  const watch = watchPace(pace, () => void reader.cancel().catch(() => {}));
  try {
    for (;;) {
      const read = await reader.read().catch(cutShort);
      if (watch.isTooSlow) throw tooSlow(pace);
      if (read.done) return size;
      const chunk: unknown = read.value;
      if (!(chunk instanceof Uint8Array)) throw new TypeError('a body must consist of bytes');
      size += chunk.byteLength;
      if (size > limit) throw tooLarge(limit);
      watch.note(chunk.byteLength);
      onChunk(chunk.byteLength, chunk);
    }
  } finally {
    watch.stop();
    // Not awaited, because a stream that does not stop must not delay the response. The call has no effect after the end of the body.
    reader.cancel().catch(() => {});
  }
}

/** Checks at the end of each interval whether enough bytes of the body have arrived. Calls `onSlow` at most once. */
function watchPace({ windowMs, bytes, lateMs }: BodyPace, onSlow: () => void) {
  let came = 0;
  let beganAt = performance.now();
  let isTooSlow = false;
  const timer = setInterval(() => {
    const now = performance.now();
    // If the timer fires more than `lateMs` late, the process was busy and has not read the data that arrived. The check then does not
    // count.
    const wasBusy = now - beganAt > windowMs + lateMs;
    if (came < bytes && !wasBusy && !isTooSlow) {
      isTooSlow = true;
      onSlow();
    }
    came = 0;
    beganAt = now;
  }, windowMs);
  return {
    get isTooSlow() {
      return isTooSlow;
    },
    note: (size: number) => (came += size),
    stop: () => clearInterval(timer),
  };
}

// Joins the chunks in a new buffer, which can be transferred to a thread without another copy.
function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function tooLarge(limit: number): PointsmanError {
  return new PointsmanError('too_large', `The body must have at most ${limit} bytes.`, {
    details: { limit },
  });
}

function tooSlow({ bytes, windowMs }: BodyPace): PointsmanError {
  return new PointsmanError(
    'too_slow',
    `Fewer than ${bytes} bytes of the body arrived within ${windowMs / 1_000} seconds, and it was not complete. Send the request again over a faster connection.`,
  );
}

function cutShort(cause: unknown): never {
  throw new PointsmanError('malformed', 'The body ended before it was complete. Send the request again.', {
    cause,
  });
}
