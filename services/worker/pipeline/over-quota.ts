import { PointsmanError } from '@pointsman/protocol/errors';

/**
 * Returns the result of the work. If the work exceeds a quota of the tenant, returns the reason instead of throwing,
 * because a retry of the step would also fail.
 */
export async function catchOverQuota<T>(work: Promise<T>): Promise<T | { readonly reason: string }> {
  try {
    return await work;
  } catch (error) {
    const isOver =
      error instanceof PointsmanError &&
      (error.code === 'quota_exceeded' || error.code === 'larger_than_quota');
    if (!isOver) throw error;
    return { reason: error.message };
  }
}
