import { describe, expect, test } from 'vitest';

import { nameFaults, readSqlFiles, sentenceFaults } from './sql-texts.ts';

describe('the check of sentences in SQL', () => {
  test.each([
    `reason = 'the hook was deleted'`,
    `RETURN '{"kind": "refused", "reason": "the hook was deleted"}';`,
    `format('superseded by v%s', p_newer)`,
    `'superseded by ' || p_newer`,
    `'it''s over'`,
    `RETURN jsonb_build_object('reason', SQLERRM);`,
    `RAISE no_data_found USING MESSAGE = p_text;`,
  ])('refuses the code: %s', (sql) => {
    expect(sentenceFaults(`-- it is what it is\n${sql}`)).toMatchObject([{ line: 2 }]);
  });

  test.each([
    `RETURN '{"kind": "no_release"}'; -- it's over`,
    `RAISE EXCEPTION 'release %/%/v% has not moved its pointer', p_tenant, p_bundle, p_version;`,
    `PERFORM note(p_tenant, p_at, p_by, 'put policy', '{}');`,
    `interval '50 minutes'`,
    `format('%s/v%s', p_bundle, p_version)`,
    `EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);`,
  ])('accepts the code: %s', (sql) => {
    expect(sentenceFaults(sql)).toEqual([]);
  });
});

describe('the check of names in SQL', () => {
  test('refuses variables of one or two letters, and parameters without a full name', () => {
    const sql = `CREATE FUNCTION f(p_tenant text, tenant text, p_b text, OUT n bigint) RETURNS void AS $$
DECLARE
  t text := 'a b';
  release releases;
  by text;
BEGIN
  NULL;
END $$;`;
    expect(nameFaults(sql).map(({ line, text }) => `${line} ${text}`)).toEqual([
      '1 tenant',
      '1 p_b',
      '3 t',
      '5 by',
    ]);
  });

  test('refuses a parameter list that contains brackets, because it could not check the names after them', () => {
    const sql = 'CREATE FUNCTION f(p_amount numeric(10, 2), b text) RETURNS void AS $$ SELECT $$;';
    expect(nameFaults(sql).map(({ rule }) => rule)).toContain('parameter-list');
  });
});

test('the SQL of the store never contains a sentence for users, because those sentences are in core/texts', async () => {
  const files = await readSqlFiles();
  expect(files.length).toBeGreaterThan(20);
  expect(
    files.flatMap(({ path, text }) => sentenceFaults(text).map((fault) => ({ path, ...fault }))),
  ).toEqual([]);
});

test('every parameter and variable of the SQL functions has a full name', async () => {
  const files = await readSqlFiles();
  expect(files.flatMap(({ path, text }) => nameFaults(text).map((fault) => ({ path, ...fault })))).toEqual(
    [],
  );
});

test('each error code of the database schema is raised in one file, and guards.sql describes it', async () => {
  const files = await readSqlFiles();
  const raised = files.flatMap(({ path, text }) => {
    const codes = text.matchAll(/(?:ERRCODE = |RAISE SQLSTATE )'(?<code>PM\d{3})'/g);
    return [...new Set([...codes].map((match) => match.groups?.['code'] ?? ''))].map((code) => ({
      code,
      path,
    }));
  });
  const codes = raised.map(({ code }) => code).toSorted();
  expect(new Set(codes).size, JSON.stringify(raised)).toBe(codes.length);
  const guards = files.find(({ path }) => path.endsWith('/guards.sql'))?.text ?? '';
  const listed = [...guards.matchAll(/^-- (?<code>PM\d{3}): /gm)].map(
    (match) => match.groups?.['code'] ?? '',
  );
  expect(listed.toSorted()).toEqual(codes);
});
