import { type ClientBase, Query, type QueryConfig, type QueryResultRow } from 'pg';

/**
 * The name of the prepared statement that sets the tenant of the current transaction. The statement has no rows: the driver would
 * otherwise need a description of them with each call.
 */
const SET_TENANT = 'set_tenant';
const SET_TENANT_TEXT = `SELECT FROM (SELECT set_config('pointsman.tenant', $1, true) AS tenant OFFSET 0) AS set WHERE tenant IS NULL`;

/** Prepares a new connection for {@link queryAsTenant}. */
export async function prepareTenantStatement(client: ClientBase): Promise<void> {
  await client.query({ name: SET_TENANT, text: SET_TENANT_TEXT, values: [''] });
}

/**
 * Runs one prepared statement in a transaction that can access only the rows of this tenant. Returns its rows.
 *
 * The statement that sets the tenant is sent together with it, before one Sync message. PostgreSQL runs all statements before a Sync in
 * one implicit transaction, which the Sync commits. If a statement fails, the others have no effect. A call therefore takes one message
 * in each direction. BEGIN and COMMIT would add two queries, each with its own response.
 */
export function queryAsTenant(
  client: ClientBase,
  tenant: string,
  statement: QueryConfig,
): Promise<QueryResultRow[]> {
  return new Promise((resolve, reject) => {
    const query = new Query<QueryResultRow>(statement, (error, results) => {
      if (error) reject(error);
      // The driver collects one result for each statement. The first one is that of the statement that sets the tenant.
      else resolve([results].flat().at(-1)?.rows ?? []);
    });
    const submit = query.submit.bind(query);
    query.submit = (connection) => {
      connection.stream.cork();
      try {
        connection.bind({ statement: SET_TENANT, values: [tenant] }, true);
        connection.execute({}, true);
        return submit(connection);
      } finally {
        connection.stream.uncork();
      }
    };
    client.query(query);
  });
}
