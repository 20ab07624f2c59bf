import { z } from 'zod';

export const PolicyVersionView = z
  .object({
    version: z.number().int().min(1),
    message: z.string().nullable(),
    by: z.string(),
    at: z.string(),
  })
  .meta({
    id: 'PolicyVersion',
    description: 'Who set this version of the policy, when and why.',
    example: { version: 3, message: 'Four eyes on live', by: 'alice', at: '2026-03-01T12:00:00.000Z' },
  });
