import { PointsmanError } from '@pointsman/protocol/errors';

/**
 * Returns the result of the work, or the reason if it exceeds the tenant's quota. A retry would exceed the same quota.
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
