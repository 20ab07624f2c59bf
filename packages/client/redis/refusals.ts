import { ErrorReply } from 'redis';

import type { RedisLostError } from './connection.ts';

/**
 * The messages for operators, by the first word of Redis's error. None of these errors counts as permanent,
 * because the operator of Redis can fix the cause. The rest of Redis's error may contain keys, users and
 * addresses, so it is only logged.
 */
const WORDS: Readonly<Record<string, string>> = {
  WRONGTYPE: 'a key that should be a stream has another type',
  OOM: 'it is out of memory and does not evict keys',
  READONLY: 'it is a replica, which accepts no writes',
  MISCONF: 'it cannot save to its disk, and accepts no writes until it can',
  NOREPLICAS: 'it has fewer replicas than it requires for writes',
  MASTERDOWN: 'it is a replica without a connection to its primary',
  LOADING: 'it is still loading its data',
  BUSY: 'it is busy with a script',
  NOAUTH: 'it requires a password, and none is set',
  WRONGPASS: 'it rejected the password',
  NOPERM: 'its ACL denies the command to this user',
  MOVED: 'it is a cluster node that does not own the stream',
  CLUSTERDOWN: 'its cluster is down',
  EXECABORT: 'it aborted a transaction',
};

/**
 * Describes why a command failed, or why its result is unknown. The text contains no host, user or address.
 */
export function redisRefusal(error: ErrorReply | RedisLostError): string {
  if (error instanceof ErrorReply) return `Redis: ${refusalText(error.message)}`;
  // Redis was reached, but it rejected the connection before the first command.
  if (error.cause instanceof ErrorReply) return `Redis: ${refusalText(error.cause.message)}`;
  return `Redis: ${error.message}`;
}

function refusalText(message: string): string {
  if (/exhausted the last possible ID|Invalid stream ID/.test(message)) {
    return 'the stream already has an entry with the highest possible ID, and accepts no further one';
  }
  const [code = 'ERR'] = message.split(' ');
  return (
    WORDS[code] ?? (/^[A-Z]{2,20}$/.test(code) ? `it returned the error ${code}` : 'it rejected the command')
  );
}
