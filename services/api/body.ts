import { PointsmanError } from '../../core/errors.ts';

/** What one request holds of the budget. */
export interface Holding {
  /** Throws `busy` when there is no more; then nothing was taken. */
  take(bytes: number): void;
  /** Gives everything back. */
  release(): void;
}

/** Memory that large bodies may take together, and those of one tenant, so that many of them end in refusals and not in the process's death. */
export class BodyBudget {
  readonly #limits: { readonly bytes: number; readonly bytesOfTenant: number };
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  constructor(limits: { readonly bytes: number; readonly bytesOfTenant: number }) {
    this.#limits = limits;
  }

  get held(): number {
    return this.#held;
  }

  open(tenant: string): Holding {
    let own = 0;
    return {
      take: (bytes) => {
        const { bytes: all, bytesOfTenant } = this.#limits;
        if (this.#held + bytes > all || this.#of(tenant) + bytes > bytesOfTenant) {
          throw new PointsmanError(
            'busy',
            'Other large requests are being read; send this one again in a moment.',
          );
        }
        this.#add(tenant, bytes);
        own += bytes;
      },
      release: () => {
        this.#add(tenant, -own);
        own = 0;
      },
    };
  }

  #of(tenant: string): number {
    return this.#heldBy.get(tenant) ?? 0;
  }

  #add(tenant: string, bytes: number): void {
    this.#held += bytes;
    const held = this.#of(tenant) + bytes;
    if (held === 0) this.#heldBy.delete(tenant);
    else this.#heldBy.set(tenant, held);
  }
}

/**
 * The bytes of a request's body. Stops reading at the first byte past the limit, whatever the headers promised, and throws
 * `too_large`. `onChunk` hears of each piece before it is kept, and may throw.
 */
export async function readBody(
  request: Request,
  limit: number,
  onChunk: (bytes: number, chunk: Uint8Array) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  try {
    for (;;) {
      const read = await reader.read().catch(cutShort);
      if (read.done) return joined(chunks, size);
      const chunk: unknown = read.value;
      if (!(chunk instanceof Uint8Array)) throw new TypeError('a body is made of bytes');
      size += chunk.byteLength;
      if (size > limit) throw tooLarge(limit);
      onChunk(chunk.byteLength, chunk);
      chunks.push(chunk);
    }
  } finally {
    // Not awaited: a source that will not stop must not hold the answer. After the end this does nothing.
    reader.cancel().catch(() => {});
  }
}

// A buffer of its own, so that it can be handed to a thread without a copy.
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
  return new PointsmanError('too_large', `The body may have at most ${limit} bytes.`, { details: { limit } });
}

function cutShort(cause: unknown): never {
  throw new PointsmanError('malformed', 'The body ended before it was complete.', { cause });
}
