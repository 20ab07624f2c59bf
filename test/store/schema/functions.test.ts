import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let owner: Client;
beforeAll(async () => {
  store = await startStore();
  owner = store.owner;
});
afterAll(() => store.stop());

/**
 * The signatures of the functions in the schema that meet an SQL condition. In the condition, `f` is the function's
 * row in pg_proc.
 */
async function functions(condition: string): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT f.oid::regprocedure::text AS name FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang
     WHERE f.pronamespace = 'pointsman'::regnamespace AND (${condition}) ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/**
 * An SQL expression for the names of the input parameters of `f` (IN, INOUT and VARIADIC). It leaves out output
 * columns, because the body of an SQL function can't refer to them.
 */
const PARAMETERS = `(SELECT n.name FROM unnest(f.proargnames) WITH ORDINALITY AS n (name, i)
  WHERE n.name <> '' AND coalesce(f.proargmodes[n.i], 'i') IN ('i', 'b', 'v'))`;

const COLUMNS = `(SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'pointsman'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped)`;

describe('names in functions', () => {
  test('parameters never have the name of a column, because in an SQL function the column would silently take precedence', async () => {
    expect(
      await functions(`${PARAMETERS.replace('n.name FROM', 'array_agg(n.name) FROM')} && ARRAY${COLUMNS}`),
    ).toEqual([]);
  });

  // The test above covers parameters. This test covers the variables of PL/pgSQL functions, and the columns that they
  // return.
  test('a PL/pgSQL variable with the name of a column is an error, and functions never turn that error off', async () => {
    await owner.query(`LOAD 'plpgsql'`);
    const { rows } = await owner.query('SHOW plpgsql.variable_conflict');
    expect(rows).toEqual([{ 'plpgsql.variable_conflict': 'error' }]);
    expect(await functions(`l.lanname = 'plpgsql' AND f.prosrc ~ '#\\s*variable_conflict'`)).toEqual([]);
    expect(await functions(`array_to_string(f.proconfig, ' ') LIKE '%variable_conflict%'`)).toEqual([]);
  });
});

describe('rights of functions', () => {
  test('only the owner and the app’s role can execute a function', async () => {
    expect(await functions(`has_function_privilege('public', f.oid, 'EXECUTE')`)).toEqual([]);
    const app = decodeURIComponent(new URL(store.postgres.appUrl).username);
    const others = `EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
      WHERE a.grantee NOT IN (f.proowner, '${app}'::regrole))`;
    expect(await functions(others)).toEqual([]);
  });

  test('a SECURITY DEFINER function has a fixed search path that ends with the temporary schema', async () => {
    const definers = await functions('f.prosecdef');
    expect(definers).toContain('pointsman.list_tenants(text,integer)');
    const fixed = await functions(
      `f.prosecdef AND 'search_path=pointsman, pg_temp' = ANY (coalesce(f.proconfig, '{}'))`,
    );
    expect(fixed).toEqual(definers);
  });
});

test('every function is written in SQL or PL/pgSQL, the languages that these tests check', async () => {
  expect(await functions(`l.lanname NOT IN ('sql', 'plpgsql')`)).toEqual([]);
});
