CREATE FUNCTION policy_now(p_tenant text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(version), 0) FROM policies WHERE tenant = p_tenant
$$;

CREATE FUNCTION guard_policy() RETURNS trigger LANGUAGE plpgsql SET search_path = pointsman, pg_temp AS $$
BEGIN
  IF NEW.version <> policy_now(NEW.tenant) + 1 THEN
    RAISE EXCEPTION 'version % of the policy of % does not follow the previous version', NEW.version, NEW.tenant USING ERRCODE = 'PM008';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER policies_follow_each_other BEFORE INSERT ON policies FOR EACH ROW EXECUTE FUNCTION guard_policy();

-- Stores the document as the tenant's next policy version, unless it equals the current version. Locks the tenant's row, so that concurrent
-- requests run one after the other. Otherwise a version number could be used twice or skipped.
CREATE FUNCTION put_policy(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  tenant_name text := p_request->>'tenant';
  policy policies;
  standing bigint;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = tenant_name FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO policy FROM policies WHERE tenant = tenant_name ORDER BY version DESC LIMIT 1;
  standing := coalesce(policy.version, 0);
  IF (p_request->>'ifVersion')::bigint <> standing THEN RETURN jsonb_build_object('kind', 'stale', 'version', standing); END IF;
  IF p_request->'document' <> coalesce(policy.document, p_request->'none') THEN
    answer := coalesce(over_quota(tenant_name, 'policyVersions'), over_quota(tenant_name, 'changesPerDay'));
    IF answer IS NOT NULL THEN RETURN answer; END IF;
    standing := standing + 1;
  END IF;
  answer := jsonb_build_object('kind', 'stands', 'version', standing, 'replayed', false);
  -- A request of another kind may have used the idempotency key since this function checked it, because such requests do not lock the
  -- tenant's row.
  INSERT INTO idempotency_keys VALUES (tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint'); END IF;
  IF standing > coalesce(policy.version, 0) THEN
    INSERT INTO policies VALUES (tenant_name, standing, p_request->'document', p_request->>'message', p_request->>'by', p_at);
    PERFORM audit(tenant_name, p_at, p_request->>'by', 'put policy', jsonb_build_object('version', standing, 'message', p_request->>'message', 'requestId', p_request->>'requestId'));
  END IF;
  RETURN answer;
END $$;
