import { ErrorReply } from 'redis';
import { describe, expect, test } from 'vitest';
import { redisRefusal } from '../../../packages/client/redis/refusals.ts';
import { RedisLostError } from '../../../packages/client/redis/connection.ts';

describe('the error text for a failed Redis command', () => {
  test.each([
    ['LOADING Redis is loading the dataset in memory', 'Redis: it is still loading its data'],
    ['MASTERDOWN Link with MASTER is down', 'Redis: it is a replica without a connection to its primary'],
    ['MOVED 3999 10.0.0.7:6381', 'Redis: it is a cluster node that does not own the stream'],
    ['NOPERM this user (secret-user) has no permissions', 'Redis: its ACL denies the command to this user'],
    ['NEWCODE something at 10.0.0.7', 'Redis: it returned the error NEWCODE'],
    ['something at 10.0.0.7', 'Redis: it rejected the command'],
  ])('is a text of the product in place of the Redis text %j', (said, words) => {
    expect(redisRefusal(new ErrorReply(said))).toBe(words);
    // The same error may also come from the login, before any command was sent.
    expect(redisRefusal(new RedisLostError('it is unreachable', { cause: new ErrorReply(said) }))).toBe(
      words,
    );
  });

  test('does not contain a cause from outside Redis', () => {
    const lost = new RedisLostError('it is unreachable', { cause: new Error('connect 10.0.0.7:6379') });
    expect(redisRefusal(lost)).toBe('Redis: it is unreachable');
  });
});
