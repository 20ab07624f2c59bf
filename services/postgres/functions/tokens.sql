-- Tokens belong to the platform, not to a tenant.

-- Processes can access tokens only through these functions. No function returns the hash of a token.

-- The active token that has the given hash.
CREATE FUNCTION find_token(p_hash text)
RETURNS TABLE (id text, name text, tenant text, roles text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.id, t.name, t.tenant, t.roles FROM tokens t WHERE t.sha256 = p_hash AND t.revoked_at IS NULL
$$;

CREATE FUNCTION token_json(p_token tokens) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
  'id', p_token.id, 'name', p_token.name, 'tenant', p_token.tenant, 'roles', p_token.roles, 'createdBy', p_token.created_by, 'createdAt', iso(p_token.created_at),
  'revokedBy', p_token.revoked_by, 'revokedAt', iso(p_token.revoked_at))
$$;

-- Creates a token, once per idempotency key. Two active tokens of a tenant never have the same name. The caller must have set the tenant of
-- the transaction to the tenant of the token.
CREATE FUNCTION create_token(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  token_key text := p_request->>'idempotencyKey';
  earlier tokens;
  refusal jsonb;
BEGIN
  PERFORM lock_counts(p_tenant);
  PERFORM FROM tenants WHERE tenant = p_tenant;
  IF p_tenant IS NOT NULL AND NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  -- A second iteration of the loop runs only if a concurrent request inserts a token between the SELECT and the INSERT. The second
  -- iteration then finds that token, unless it was revoked in the meantime.
  FOR attempt IN 1..10 LOOP
    SELECT * INTO earlier FROM tokens WHERE coalesce(tenant, '') = coalesce(p_tenant, '') AND idempotency_key = token_key;
    IF earlier.fingerprint = p_request->>'fingerprint' THEN RETURN jsonb_build_object('kind', 'made_before', 'id', earlier.id); END IF;
    -- The idempotency key must not have been used for another request of the tenant. Requests of all kinds share the keys of a tenant.
    IF FOUND OR EXISTS (SELECT FROM idempotency_keys WHERE (tenant, key) = (p_tenant, token_key)) THEN RETURN '{"kind": "key_reused"}'; END IF;
    SELECT * INTO earlier FROM tokens WHERE coalesce(tenant, '') = coalesce(p_tenant, '') AND name = p_request->>'name' AND revoked_at IS NULL;
    -- A concurrent attempt of the same request has inserted the token between the two SELECTs. The next iteration finds the token by its
    -- idempotency key.
    CONTINUE WHEN FOUND AND earlier.idempotency_key = token_key;
    IF FOUND THEN RETURN jsonb_build_object('kind', 'name_taken', 'id', earlier.id); END IF;
    refusal := coalesce(over_quota(p_tenant, 'tokens'), CASE WHEN p_tenant IS NOT NULL THEN over_quota(p_tenant, 'changesPerDay') END);
    IF refusal IS NOT NULL THEN RETURN refusal; END IF;
    BEGIN
      INSERT INTO tokens (id, name, tenant, roles, sha256, idempotency_key, fingerprint, created_by, created_at)
      VALUES (p_request->>'id', p_request->>'name', p_tenant, ARRAY(SELECT jsonb_array_elements_text(p_request->'roles')), p_request->>'sha256', token_key, p_request->>'fingerprint',
        p_request->>'by', p_at)
      RETURNING * INTO earlier;
      IF p_tenant IS NOT NULL THEN
        INSERT INTO idempotency_keys VALUES (p_tenant, token_key, p_request->>'fingerprint', '{"kind": "token"}', p_at);
        PERFORM audit(p_tenant, p_at, p_request->>'by', 'create token',
          jsonb_build_object('id', p_request->>'id', 'name', p_request->>'name', 'roles', p_request->'roles', 'requestId', p_request->>'requestId'));
      END IF;
      RETURN jsonb_build_object('kind', 'made', 'token', token_json(earlier));
    EXCEPTION
      -- The error rolls back the insertion of both the token and its idempotency key. The next iteration of the loop tries again.
      WHEN unique_violation THEN NULL;
    END;
  END LOOP;
  RAISE EXCEPTION 'the token cannot be created: ten concurrent requests came first';
END $$;

-- Returns the token with this ID, active or revoked. Returns null for an unknown ID.
CREATE FUNCTION get_token(p_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT token_json(t) FROM tokens t WHERE t.id = p_id
$$;

-- Lists tokens, newest first. If `p_of_tenant` is null, lists the tokens of all tenants and of the platform.
CREATE FUNCTION list_tokens(p_of_tenant text, p_active boolean, p_revoked boolean, p_before_at timestamptz, p_before_id text, p_most integer)
RETURNS TABLE (token jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  -- There are two queries, because the tokens of all tenants and the tokens of one tenant are sorted by different indexes.
  IF p_of_tenant IS NULL THEN
    RETURN QUERY SELECT token_json(t) FROM tokens t
      WHERE (t.created_at, t.id) < (p_before_at, p_before_id) AND CASE WHEN t.revoked_at IS NULL THEN p_active ELSE p_revoked END
      ORDER BY t.created_at DESC, t.id DESC LIMIT p_most;
  ELSE
    RETURN QUERY SELECT token_json(t) FROM tokens t
      WHERE t.tenant = p_of_tenant AND (t.created_at, t.id) < (p_before_at, p_before_id)
        AND CASE WHEN t.revoked_at IS NULL THEN p_active ELSE p_revoked END
      ORDER BY t.created_at DESC, t.id DESC LIMIT p_most;
  END IF;
END $$;

-- Revokes a token. If the token is already revoked, the recorded revocation does not change. The caller must have set the tenant of the
-- transaction to the tenant of the token.
CREATE FUNCTION revoke_token(p_tenant text, p_id text, p_by text, p_request_id text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  UPDATE tokens SET revoked_by = p_by, revoked_at = p_at
  WHERE id = p_id AND coalesce(tenant, '') = coalesce(p_tenant, '') AND revoked_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  IF p_tenant IS NOT NULL THEN PERFORM audit(p_tenant, p_at, p_by, 'revoke token', jsonb_build_object('id', p_id, 'requestId', p_request_id)); END IF;
  RETURN true;
END $$;
