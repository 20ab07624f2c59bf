import { expect, test } from 'vitest';

import { requestError } from '../../../../services/api/responses/problem.ts';

test('the error text for an invalid request has a bounded length for field names of any length', () => {
  const long = 'f'.repeat(1_000_000);
  const error = requestError('invalid_request', [
    { in: 'body', pointer: `/files/${long}`, message: `${long} is not known` },
    { in: 'query', name: long, message: 'this parameter is unknown' },
  ]);
  expect(error.message.length).toBeLessThan(10_000);
  expect(JSON.stringify(error.details).length).toBeLessThan(10_000);
  expect(error.details['errors']).toMatchObject([{ pointer: '/files' }, { in: 'query' }]);
});
