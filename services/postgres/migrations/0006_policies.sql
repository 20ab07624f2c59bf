-- What a tenant's releases must pass. Every version stays: a release keeps the one that it was admitted under.
CREATE TABLE policies (
  tenant text NOT NULL REFERENCES tenants,
  version counting_number NOT NULL,
  -- As core/policy.ts has parsed it, its defaults filled in.
  document jsonb NOT NULL,
  message text,
  by text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, version)
);
ALTER TABLE policies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON policies USING (tenant = current_setting('pointsman.tenant', true));

CREATE FUNCTION policy_now(t text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(version), 0) FROM policies WHERE tenant = t
$$;

CREATE FUNCTION guard_policy() RETURNS trigger LANGUAGE plpgsql SET search_path = pointsman, pg_temp AS $$
BEGIN
  IF NEW.version <> policy_now(NEW.tenant) + 1 THEN
    RAISE EXCEPTION 'version % of the policy of % does not follow the one before', NEW.version, NEW.tenant USING ERRCODE = 'PM005';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER policies_follow_each_other BEFORE INSERT ON policies FOR EACH ROW EXECUTE FUNCTION guard_policy();

-- Makes a document the tenant's policy; what is the policy already stays as it was said first. Under the tenant's row lock, so that two at
-- once come one after the other, and none is numbered twice or left out.
CREATE FUNCTION put_policy(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  t text := q->>'tenant';
  p policies;
  standing bigint;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = t FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO p FROM policies WHERE tenant = t ORDER BY version DESC LIMIT 1;
  standing := coalesce(p.version, 0);
  IF (q->>'ifVersion')::bigint <> standing THEN RETURN jsonb_build_object('kind', 'stale', 'version', standing); END IF;
  IF q->'document' <> coalesce(p.document, q->'none') THEN standing := standing + 1; END IF;
  answer := jsonb_build_object('kind', 'stands', 'version', standing, 'replayed', false);
  -- The key may have come with something else meanwhile, which did not wait for this lock.
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN replay(t, q->>'idempotencyKey', q->>'fingerprint'); END IF;
  IF standing > coalesce(p.version, 0) THEN
    INSERT INTO policies VALUES (t, standing, q->'document', q->>'message', q->>'by', at);
    PERFORM note(t, at, q->>'by', 'put policy', jsonb_build_object('version', standing, 'message', q->>'message', 'requestId', q->>'requestId'));
  END IF;
  RETURN answer;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 6, oldest_process = 6;
