/** Whether the deep tests run. They try every combination of a matrix, of which `npm test` tries some. */
export const isDeep = process.env['POINTSMAN_TEST_DEEP'] !== undefined;
