-- Functions that store and find compiled documents. A later compilation of the tenant uses them instead of compiling the documents again.

-- Stores compiled documents. Replaces those of other versions of the compiler, and those whose facts have changed because a file that the
-- document names has changed. The caller stores a compilation that contains their blobs
-- in the same transaction, and must charge the added bytes to the tenant at its end. The caller must sort the documents by key, so that
-- concurrent transactions lock them in the same order.
-- @returns the number of bytes added, which is negative if the replaced documents were larger
CREATE FUNCTION put_documents(p_tenant text, p_executor text, p_keys text[], p_digests text[], p_facts text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
  added bigint;
BEGIN
  WITH replaced AS (
    DELETE FROM compiled_documents d USING unnest(p_keys, p_facts) AS n (key, facts)
    WHERE d.tenant = p_tenant AND d.key = n.key AND (d.executor, d.facts) <> (p_executor, n.facts) RETURNING d.facts)
  SELECT coalesce(sum(octet_length(facts)), 0) INTO removed FROM replaced;
  WITH inserted AS (
    INSERT INTO compiled_documents (tenant, key, executor, digest, facts)
    SELECT p_tenant, n.key, p_executor, n.digest, n.facts FROM unnest(p_keys, p_digests, p_facts) AS n (key, digest, facts)
    ON CONFLICT DO NOTHING RETURNING facts)
  SELECT coalesce(sum(octet_length(facts)), 0) INTO added FROM inserted;
  RETURN added - removed;
END $$;

-- Finds compiled documents by their keys. Omits documents of other versions of the compiler, and documents whose blob is not stored. Returns
-- at most p_most_bytes of facts.
CREATE FUNCTION find_documents(p_tenant text, p_executor text, p_keys text[], p_most_bytes bigint)
RETURNS TABLE (key text, digest text, facts text) LANGUAGE sql STABLE AS $$
  SELECT n.key, n.digest, n.facts FROM (
    SELECT d.key, d.digest, d.facts, sum(octet_length(d.facts)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes
    FROM compiled_documents d JOIN blobs b ON (b.tenant, b.digest) = (d.tenant, d.digest)
    WHERE d.tenant = p_tenant AND d.executor = p_executor AND d.key = ANY (p_keys)) n
  WHERE n.bytes <= p_most_bytes
$$;
