import type { RequestProblem } from '@pointsman/protocol/problem';
import type { PublishOptions } from '@pointsman/protocol/releases/release-bodies';
import type { InvalidSource, ReadSource } from '../../source-archive/read-source.ts';

/** The result of reading the body of a publish: the source, or the reason why the body is refused. */
export type SourceBody =
  /** The options are read only from a JSON body. The options of an archive are in the query. */
  | (ReadSource & { readonly options: PublishOptions })
  | InvalidSource
  | { readonly kind: 'malformed'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'unacceptable'; readonly errors: readonly RequestProblem[] }
  | { readonly kind: 'too_large'; readonly message: string };
