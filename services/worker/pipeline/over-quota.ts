import { PointsmanError } from '../../../core/errors.ts';

/** The result of storing something, or why the tenant's quota has no room for it: a step that is repeated would find no more. */
export async function unlessOverQuota<T>(work: Promise<T>): Promise<T | { readonly reason: string }> {
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
