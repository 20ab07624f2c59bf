-- Functions with which the API reads what it needs before it has a release admitted. Each is one round trip.

-- Reads what a publish to a tenant depends on, before its body is read: the active token with this hash (null without a hash), whether the
-- tenant exists, whether the idempotency key was used before, the kind of the executor, the conflict rules as [{channel, rule}], and the
-- time of the database's clock, from which the API computes the deadline of the admission. A single statement reads the key and the policy.
-- If a publish is repeated after the policy has changed, it is therefore recognised as repeated, and the new rules do not apply to it.
--
-- If the token does not exist or belongs to another tenant, nothing of this tenant is read. The time of the query then reveals nothing.
CREATE FUNCTION publish_context(p_tenant text, p_token_hash text, p_key text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  token jsonb := (SELECT to_jsonb(t) FROM find_token(p_token_hash) t);
  visible text := CASE WHEN p_token_hash IS NULL OR (token IS NOT NULL AND coalesce(token->>'tenant', p_tenant) = p_tenant) THEN p_tenant END;
  policy jsonb := (SELECT document FROM policies WHERE tenant = visible ORDER BY version DESC LIMIT 1);
BEGIN
  RETURN jsonb_build_object(
    'token', token,
    'nowMs', epoch_ms(clock_timestamp()),
    'tenantExists', EXISTS (SELECT FROM tenants WHERE tenant = visible),
    'isRepeated', EXISTS (SELECT FROM idempotency_keys WHERE (tenant, key) = (visible, p_key)),
    'executor', coalesce(policy->'compile'->>'executor', 'local'),
    'conflictRules', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('channel', c.key, 'rule', c.value->>'onConflict')), '[]')
      FROM jsonb_each(policy->'channels') c WHERE c.value ? 'onConflict'));
END $$;

-- Finds what is stored of a source that a client wants to publish: whether the source is stored, and the warnings of its compilation by the
-- executor of the tenant's current policy. The warnings are null if that compilation is not stored. Postpones the sweep's next check of the
-- source.
CREATE FUNCTION find_for_publish(p_tenant text, p_source text, p_local text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  -- A source that is not stored has no compilations.
  IF NOT touch_source(p_tenant, p_source) THEN RETURN '{"stored": false, "warnings": null}'; END IF;
  RETURN jsonb_build_object('stored', true, 'warnings', (
    SELECT c.warnings FROM compilations c
    WHERE (c.tenant, c.source, c.executor) = (p_tenant, p_source, executor_name(compile_rule(p_tenant, policy_now(p_tenant)), p_local))));
END $$;
