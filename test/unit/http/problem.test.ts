import { expect, test } from 'vitest';

import { readProblem } from '../../../packages/client/http/problem.ts';
import { type ErrorCode, ERRORS, PointsmanError } from '../../../packages/protocol/errors.ts';
import { Problem } from '../../../packages/protocol/problem.ts';
import { quotaError } from '../../../packages/protocol/quota.ts';
import { problemParts } from '../../../services/api/responses/problem.ts';

const place = { requestId: '4f0c4a4e-61f0-4d33-8a53-0a7a4dd8a0c5', instance: '/v1/tenants/acme' };
const pointer = { version: 12, digest: null, generation: 17, hold: null, movedAt: null };

const DETAILS: Partial<Record<ErrorCode, object>> = {
  method_not_allowed: { allow: ['GET'] },
  policy_changed: { policyVersion: 3 },
  pointer_moved: { pointer },
  quota_exceeded: quotaError({ quota: 'hooks', used: 10, limit: 10 }).details,
};

const CODES = Object.keys(ERRORS) as ErrorCode[];

test.each(CODES)(
  'the problem document of the error code %s has the published format, and the client reads it',
  (code) => {
    const error = new PointsmanError(code, 'What happened.', { details: { ...DETAILS[code] } });
    const { body, status } = problemParts(error, place);
    expect(Problem.parse(JSON.parse(body))).toMatchObject({ code, detail: 'What happened.', ...place });
    expect(readProblem(status, body)).toEqual(JSON.parse(body));
  },
);

test('the client reads a problem of a newer API that has an unknown code, an unknown state and unknown members', () => {
  const document = {
    title: 'The gate is paused',
    status: 409,
    code: 'gate_paused',
    state: 'paused',
    quota: { quota: 'gates', used: 1, limit: 1 },
    errors: [{ in: 'cookie', message: 'is stale', hint: 'refresh' }],
    since: '2026-03-01T12:00:00.000Z',
  };
  expect(readProblem(409, JSON.stringify(document))).toEqual(document);
});

test('a response of a proxy is read as a problem with the status of that response', () => {
  expect(readProblem(502, '<html>')).toMatchObject({ status: 502, code: 'http_502' });
});
