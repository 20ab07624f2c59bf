-- What belongs to the platform and to no tenant: who may call, and who may run.

-- The processes' doors to the tokens. No other way leads to that table, and none of these gives a hash away.

-- Whose token has that hash. One that is revoked is nobody's.
CREATE FUNCTION find_token(hash text)
RETURNS TABLE (id text, name text, tenant text, roles text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.id, t.name, t.tenant, t.roles FROM tokens t WHERE t.sha256 = hash AND t.revoked_at IS NULL
$$;

CREATE FUNCTION token_json(t tokens) RETURNS jsonb LANGUAGE sql STABLE RETURN jsonb_build_object(
  'id', t.id, 'name', t.name, 'tenant', t.tenant, 'roles', t.roles, 'createdBy', t.created_by, 'createdAt', iso(t.created_at),
  'revokedBy', t.revoked_by, 'revokedAt', iso(t.revoked_at));

-- Makes a token, once for a key and never two that speak by one name. The caller has the transaction's tenant set to the token's.
CREATE FUNCTION create_token(t text, q jsonb, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  token_key text := q->>'idempotencyKey';
  earlier tokens;
BEGIN
  PERFORM FROM tenants WHERE tenant = t;
  IF t IS NOT NULL AND NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  -- Again only when somebody else's token came between the look and the insert: the next look finds it, or it has been revoked.
  FOR attempt IN 1..10 LOOP
    SELECT * INTO earlier FROM tokens WHERE coalesce(tenant, '') = coalesce(t, '') AND idempotency_key = token_key;
    IF earlier.fingerprint = q->>'fingerprint' THEN RETURN jsonb_build_object('kind', 'made_before', 'id', earlier.id); END IF;
    -- A tenant's keys are for all that may be asked of it.
    IF FOUND OR EXISTS (SELECT FROM idempotency_keys WHERE (tenant, key) = (t, token_key)) THEN RETURN '{"kind": "key_reused"}'; END IF;
    SELECT * INTO earlier FROM tokens WHERE coalesce(tenant, '') = coalesce(t, '') AND name = q->>'name' AND revoked_at IS NULL;
    -- By this same request, which came between the two looks: the next round finds it by its key.
    CONTINUE WHEN FOUND AND earlier.idempotency_key = token_key;
    IF FOUND THEN RETURN jsonb_build_object('kind', 'name_taken', 'id', earlier.id); END IF;
    -- Two at once may pass the limit by one: it ends loops, and counts nothing that is paid for.
    IF (SELECT count(*) FROM tokens WHERE coalesce(tenant, '') = coalesce(t, '') AND revoked_at IS NULL) >= (q->>'most')::integer THEN
      RETURN '{"kind": "too_many"}';
    END IF;
    BEGIN
      INSERT INTO tokens (id, name, tenant, roles, sha256, idempotency_key, fingerprint, created_by, created_at)
      VALUES (q->>'id', q->>'name', t, ARRAY(SELECT jsonb_array_elements_text(q->'roles')), q->>'sha256', token_key, q->>'fingerprint',
        q->>'by', at)
      RETURNING * INTO earlier;
      IF t IS NOT NULL THEN
        INSERT INTO idempotency_keys VALUES (t, token_key, q->>'fingerprint', '{"kind": "token"}', at);
        PERFORM note(t, at, q->>'by', 'create token',
          jsonb_build_object('id', q->>'id', 'name', q->>'name', 'roles', q->'roles', 'requestId', q->>'requestId'));
      END IF;
      RETURN jsonb_build_object('kind', 'made', 'token', token_json(earlier));
    EXCEPTION
      -- Takes back the token with its key.
      WHEN unique_violation THEN NULL;
    END;
  END LOOP;
  RAISE EXCEPTION 'a token cannot be made: ten others came between';
END $$;

-- Null for a token that was never made.
CREATE FUNCTION get_token(which text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT token_json(t) FROM tokens t WHERE t.id = which
$$;

-- Newest first; of all tenants and the platform where `of_tenant` is null.
CREATE FUNCTION list_tokens(of_tenant text, active boolean, revoked boolean, before_at timestamptz, before_id text, most integer)
RETURNS TABLE (token jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  -- Two statements, so that each has the index of its order.
  IF of_tenant IS NULL THEN
    RETURN QUERY SELECT token_json(t) FROM tokens t
      WHERE (t.created_at, t.id) < (before_at, before_id) AND CASE WHEN t.revoked_at IS NULL THEN active ELSE revoked END
      ORDER BY t.created_at DESC, t.id DESC LIMIT most;
  ELSE
    RETURN QUERY SELECT token_json(t) FROM tokens t
      WHERE t.tenant = of_tenant AND (t.created_at, t.id) < (before_at, before_id)
        AND CASE WHEN t.revoked_at IS NULL THEN active ELSE revoked END
      ORDER BY t.created_at DESC, t.id DESC LIMIT most;
  END IF;
END $$;

-- What is revoked stays as it was revoked first. The caller has the transaction's tenant set to the token's.
CREATE FUNCTION revoke_token(t text, which text, who text, request text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  UPDATE tokens SET revoked_by = who, revoked_at = at
  WHERE id = which AND coalesce(tenant, '') = coalesce(t, '') AND revoked_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  IF t IS NOT NULL THEN PERFORM note(t, at, who, 'revoke token', jsonb_build_object('id', which, 'requestId', request)); END IF;
  RETURN true;
END $$;

-- One row. Every later migration raises the level to its own number; one that takes away what running processes need also raises the
-- oldest process, and from then on those refuse to work.
CREATE TABLE schema_version (
  level bigint NOT NULL,
  oldest_process bigint NOT NULL CHECK (oldest_process <= level),
  one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO schema_version VALUES (5, 5);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;
