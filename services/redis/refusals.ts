import { ErrorReply } from 'redis';

import type { RedisLostError } from './writer.ts';

/**
 * What an operator is told of Redis' first word. None is final: the sink is the platform's, and whatever is wrong with it is mended there.
 * Redis' own sentence after that word may name keys, users and addresses, and stays in the log.
 */
const WORDS: Readonly<Record<string, string>> = {
  WRONGTYPE: 'a key that should be a stream is something else',
  OOM: 'it is out of memory, and evicts nothing',
  READONLY: 'it is a replica, which takes no writes',
  MISCONF: 'it can not save to its disk, and takes no writes meanwhile',
  NOREPLICAS: 'it has fewer replicas than it must write to',
  MASTERDOWN: 'it is a replica that has lost its primary',
  LOADING: 'it is still loading its data',
  BUSY: 'it is busy with a script',
  NOAUTH: 'it asks for a password, and none is set',
  WRONGPASS: 'it does not take the password',
  NOPERM: 'it does not permit that to this user',
  MOVED: 'it is part of a cluster, and not the part that has the stream',
  CLUSTERDOWN: 'it is part of a cluster that is down',
  EXECABORT: 'it refused a transaction',
};

/** Why a command was not done, or nobody knows whether it was, in words that name no host, user or address. */
export function redisRefusal(error: ErrorReply | RedisLostError): string {
  if (error instanceof ErrorReply) return `Redis: ${refusalWords(error.message)}`;
  // It was reached, and said no before it took a command.
  if (error.cause instanceof ErrorReply) return `Redis: ${refusalWords(error.cause.message)}`;
  return `Redis: ${error.message}`;
}

function refusalWords(message: string): string {
  if (/exhausted the last possible ID|Invalid stream ID/.test(message)) {
    return 'the stream has an entry with the highest id that there is, and takes no other';
  }
  const [code = 'ERR'] = message.split(' ');
  return WORDS[code] ?? (/^[A-Z]{2,20}$/.test(code) ? `it says ${code}` : 'it said no');
}
