-- Functions for the audit log and for the stored responses of idempotent requests.

-- Returns the response stored for an earlier request with this idempotency key. Returns `key_reused` if the earlier request was different,
-- and null if the key is new.
CREATE FUNCTION replay(p_of_tenant text, p_of_key text, p_of_fingerprint text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN k.fingerprint = p_of_fingerprint THEN k.answer || '{"replayed": true}' ELSE '{"kind": "key_reused"}' END
  FROM idempotency_keys k WHERE (k.tenant, k.key) = (p_of_tenant, p_of_key)
$$;

CREATE FUNCTION audit(p_tenant text, p_at timestamptz, p_by text, p_action text, p_detail jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO audit (tenant, at, by, action, detail) VALUES (p_tenant, p_at, p_by, p_action, p_detail)
$$;
