-- Functions that admit, supersede and cancel releases. Each function does all its work in one transaction, so a durable step needs one
-- round trip. A repeated call detects the effect of the first call and does not repeat it. The functions run with the caller's rights, so
-- row-level security applies.
--
-- To avoid deadlocks, every function takes its locks in the same order: lock_counts, release, pointer, tenant, callback, tenant_usage.

-- Returns the refusal of a request for a channel that the bundle lacks and that the request may not create. Returns null if the request is
-- allowed. The first channel of a bundle is always allowed, because there is no other channel whose name the caller could have misspelled.
CREATE FUNCTION channel_refusal(p_tenant text, p_bundle text, p_channel text, p_create boolean, p_limit integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN count(*) = 0 OR bool_or(channel = p_channel) THEN NULL
    WHEN NOT coalesce(p_create, false) THEN jsonb_build_object('kind', 'no_channel', 'channels', jsonb_agg(channel ORDER BY channel))
    WHEN count(*) >= p_limit THEN jsonb_build_object('kind', 'too_many_channels', 'limit', p_limit)
  END
  FROM pointers WHERE (tenant, bundle) = (p_tenant, p_bundle)
$$;

CREATE FUNCTION admit(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  tenant_name text := p_request->>'tenant';
  bundle_name text := p_request->>'bundle';
  release_version bigint := (p_request->>'version')::bigint;
  channel_name text := p_request->>'channel';
  standing bigint := (p_request->>'inFlight')::bigint;
  latest_policy bigint;
  pointer pointers;
  answer jsonb;
BEGIN
  PERFORM lock_counts(tenant_name);
  PERFORM FROM tenants WHERE tenant = tenant_name;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  -- A release with this idempotency key shows that the request was admitted before, even if the stored response has expired.
  PERFORM FROM releases WHERE (tenant, bundle, version, idempotency_key) = (tenant_name, bundle_name, release_version, p_request->>'idempotencyKey');
  IF FOUND THEN RETURN jsonb_build_object('kind', 'accepted', 'version', release_version, 'replayed', true, 'superseded', superseded_by(tenant_name, bundle_name, release_version)); END IF;
  -- The caller has given up. Another caller may have published meanwhile, so a late admission could surprise both.
  IF (p_request->>'admitBefore')::bigint < epoch_ms(clock_timestamp()) THEN RETURN '{"kind": "too_late"}'; END IF;
  IF p_request->>'origin' IS NOT NULL THEN
    answer := origin_refused(tenant_name, p_request->'origin');
    IF answer IS NOT NULL THEN RETURN answer; END IF;
  END IF;

  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (tenant_name, bundle_name, channel_name);
  IF NOT FOUND THEN
    answer := channel_refusal(tenant_name, bundle_name, channel_name, (p_request->>'createChannel')::boolean, (p_request->>'channelLimit')::integer);
    IF answer IS NOT NULL THEN RETURN answer; END IF;
  END IF;
  IF pointer.hold_reason IS NOT NULL THEN RETURN jsonb_build_object('kind', 'held', 'reason', pointer.hold_reason); END IF;
  IF (p_request->>'ifGeneration')::bigint <> coalesce(pointer.generation, 0) THEN
    RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json(pointer));
  END IF;
  IF p_request->>'placement' <> 'start' AND standing IS NOT NULL THEN
    PERFORM FROM releases WHERE (tenant, bundle, version) = (tenant_name, bundle_name, standing) AND status = 'settled';
    IF FOUND THEN RETURN '{"kind": "slot_free"}'; END IF;
  END IF;
  IF p_request->>'placement' = 'reject' THEN RETURN jsonb_build_object('kind', 'conflict', 'version', standing); END IF;
  IF p_request->>'placement' = 'full' THEN RETURN jsonb_build_object('kind', 'queue_full', 'limit', (p_request->>'queueLimit')::integer); END IF;

  answer := publish_over_quota(tenant_name, bundle_name);
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  -- FOR KEY SHARE prevents the sweep from deleting the source. If the sweep has already deleted it, the caller must store it again.
  PERFORM FROM sources WHERE (tenant, digest) = (tenant_name, p_request->>'source') FOR KEY SHARE;
  IF NOT FOUND THEN RETURN '{"kind": "no_source"}'; END IF;

  -- The bundle of a pointer exists.
  IF pointer.channel IS NULL THEN INSERT INTO bundles (tenant, bundle, created_at) VALUES (tenant_name, bundle_name, p_at) ON CONFLICT DO NOTHING; END IF;
  latest_policy := policy_now(tenant_name);
  -- The Tenant object assigns version numbers. If the number is taken, the object has lost state.
  INSERT INTO releases (tenant, bundle, version, channel, status, source, if_generation, policy_version, not_before, message, by,
    idempotency_key, origin, created_at)
  SELECT tenant_name, bundle_name, release_version, channel_name, CASE p_request->>'placement' WHEN 'start' THEN 'running' ELSE 'queued' END, p_request->>'source',
    (p_request->>'ifGeneration')::bigint, latest_policy, to_timestamp((p_request->>'notBefore')::double precision / 1000), p_request->>'message', p_request->>'by',
    p_request->>'idempotencyKey', nullif(p_request->'origin', 'null'), p_at
  WHERE release_version > coalesce((SELECT max(version) FROM releases WHERE (tenant, bundle) = (tenant_name, bundle_name)), 0)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    -- A concurrent attempt of the same request may have inserted the release. The INSERT has waited for that attempt's transaction, so the
    -- stored response is visible now.
    RETURN coalesce(replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint'), '{"kind": "version_taken"}');
  END IF;

  -- The channel exists from now on, even if the release fails.
  IF pointer.channel IS NULL THEN INSERT INTO pointers (tenant, bundle, channel) VALUES (tenant_name, bundle_name, channel_name) ON CONFLICT DO NOTHING; END IF;
  IF p_request->>'origin' IS NOT NULL THEN PERFORM publish_delivery(tenant_name, p_request->'origin', release_version, p_at); END IF;
  IF p_request->'supersedes' <> '[]' THEN PERFORM supersede(p_request, p_at); END IF;
  answer := jsonb_build_object('kind', 'accepted', 'version', release_version, 'replayed', false, 'superseded',
    CASE WHEN p_request->'supersedes' <> '[]' THEN superseded_by(tenant_name, bundle_name, release_version) ELSE '[]' END);
  INSERT INTO idempotency_keys VALUES (tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM audit(tenant_name, p_at, p_request->>'by', 'publish',
    jsonb_build_object('bundle', bundle_name, 'channel', channel_name, 'version', release_version, 'requestId', p_request->>'requestId'));
  IF p_request->>'placement' <> 'start' THEN RETURN answer; END IF;
  RETURN answer || jsonb_build_object('started', jsonb_build_object('policyVersion', latest_policy, 'createdAt', iso(p_at)));
END $$;

-- Supersedes the older releases that the request lists. A queued release settles immediately, because it has had no effects. A running
-- release is only marked: its own workflow then undoes its effects and settles it. A running release does not change if its
-- outcome is already decided.
CREATE FUNCTION supersede(p_request jsonb, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  newer bigint := (p_request->>'version')::bigint;
  release releases;
BEGIN
  FOR release IN
    SELECT * FROM releases
    WHERE tenant = p_request->>'tenant' AND bundle = p_request->>'bundle' AND version IN (SELECT jsonb_array_elements_text(p_request->'supersedes')::bigint)
      AND is_undecided(releases)
    ORDER BY version FOR UPDATE
  LOOP
    UPDATE releases SET intent = 'superseded', intent_reason = p_request->>'supersededReason', superseded_by = newer
    WHERE (tenant, bundle, version) = (release.tenant, release.bundle, release.version);
    IF release.status = 'queued' THEN PERFORM end_queued(release, 'superseded', p_request->>'supersededReason', p_at); END IF;
  END LOOP;
END $$;

-- The Restate invocations of the running releases that a release has superseded. A release that has not begun its first step has none.
CREATE FUNCTION superseded_by(p_tenant text, p_bundle text, p_newer bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(r.invocation_id), '[]') FROM releases r
  WHERE (r.tenant, r.bundle, r.superseded_by) = (p_tenant, p_bundle, p_newer) AND r.status <> 'settled' AND r.status = 'running' AND r.invocation_id IS NOT NULL
$$;

CREATE FUNCTION end_queued(p_release releases, p_outcome text, p_reason text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET status = 'settled', outcome = p_outcome, reason = p_reason, settled_at = p_at
  WHERE (tenant, bundle, version) = (p_release.tenant, p_release.bundle, p_release.version);
  PERFORM record_settlement(p_release, p_outcome, p_reason, p_at);
END $$;

CREATE FUNCTION leave_queue(p_tenant text, p_bundle text, p_version bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  stands text;
BEGIN
  UPDATE releases SET status = 'running' WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND status = 'queued';
  SELECT status INTO stands FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
  RETURN coalesce(stands = 'running', false);
END $$;

-- Cancels a release. A queued release settles immediately. A running release is only marked, and its own workflow settles it.
-- `p_intent_reason` is recorded as the reason of the release. `p_reason` is the caller's text, which is recorded in the audit.
CREATE FUNCTION request_cancel(p_tenant text, p_bundle text, p_version bigint, p_by text, p_reason text, p_intent_reason text, p_at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
BEGIN
  SELECT * INTO release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  -- A repeated call changes nothing. A release whose outcome is already decided keeps that outcome.
  IF release.status = 'settled' AND release.outcome <> 'cancelled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', release.outcome); END IF;
  IF release.closing AND release.outcome <> 'cancelled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', release.outcome); END IF;
  IF release.intent = 'superseded' THEN RETURN '{"kind": "settled", "outcome": "superseded"}'; END IF;
  IF is_undecided(release) THEN
    UPDATE releases SET intent = 'cancelled', intent_reason = p_intent_reason WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
    PERFORM audit(p_tenant, p_at, p_by, 'cancel', jsonb_build_object('bundle', p_bundle, 'version', p_version, 'reason', p_reason));
    IF release.status = 'queued' THEN PERFORM end_queued(release, 'cancelled', p_intent_reason, p_at); END IF;
  END IF;
  RETURN jsonb_build_object('kind', 'cancelling', 'invocations', CASE WHEN release.status = 'running' AND release.invocation_id IS NOT NULL
    THEN jsonb_build_array(release.invocation_id) ELSE '[]' END);
END $$;

CREATE FUNCTION read_bundle(p_tenant text, p_bundle text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH open AS (SELECT r.*, is_in_flight(r) FROM releases r WHERE (tenant, bundle) = (p_tenant, p_bundle) AND status <> 'settled'),
  names AS (SELECT channel FROM open UNION SELECT channel FROM pointers WHERE (tenant, bundle) = (p_tenant, p_bundle))
  SELECT jsonb_build_object(
    'lastVersion', coalesce((SELECT max(version) FROM releases WHERE (tenant, bundle) = (p_tenant, p_bundle)), 0),
    'channels', coalesce(jsonb_object_agg(n.channel, jsonb_build_object(
      'generation', coalesce((SELECT generation FROM pointers p WHERE (p.tenant, p.bundle, p.channel) = (p_tenant, p_bundle, n.channel)), 0),
      'inFlight', (SELECT jsonb_build_object('version', o.version)
                   FROM open o WHERE o.channel = n.channel AND o.is_in_flight ORDER BY o.version DESC LIMIT 1),
      'queue', coalesce((SELECT jsonb_agg(jsonb_build_object('version', o.version, 'source', o.source) ORDER BY o.version)
                         FROM open o WHERE o.channel = n.channel AND o.status = 'queued'), '[]'))), '{}'))
  FROM names n
$$;
