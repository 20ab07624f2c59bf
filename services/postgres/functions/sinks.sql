-- Creates or replaces a webhook. A new webhook starts with the next move. If the URL of an existing webhook changes, its cursor stays, so
-- the new URL continues where the old URL stopped. Its failures are cleared, because they concern the old URL.
--
-- If `secret` is null, an existing webhook keeps its secret, and a new webhook gets `madeSecret`. A given secret replaces the current
-- secret in the same way as a rotation.
--
-- Locks the tenant's row, as a move does. No concurrent move can therefore get a number before the start of a new webhook. The locks also
-- serialize concurrent requests. Otherwise two requests could both create the webhook: the first caller would receive an invalid secret,
-- and the tenant could exceed its quota.
CREATE FUNCTION put_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  sink_row sinks;
  answer jsonb;
BEGIN
  PERFORM lock_counts(p_tenant);
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = p_tenant FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_request->>'sink') FOR NO KEY UPDATE;
  answer := coalesce(CASE WHEN NOT FOUND THEN over_quota(p_tenant, 'sinks') END, over_quota(p_tenant, 'changesPerDay'));
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN
    INSERT INTO sinks (tenant, sink, kind, url, secret, delivered_seq, created_by, created_at, updated_by, updated_at)
    VALUES (p_tenant, p_request->>'sink', 'webhook', p_request->>'url', coalesce(p_request->>'secret', p_request->>'madeSecret'), latest, p_request->>'by', p_at, p_request->>'by', p_at);
  ELSE
    UPDATE sinks SET url = p_request->>'url', updated_by = p_request->>'by', updated_at = p_at WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    IF p_request->>'secret' IS NOT NULL THEN PERFORM change_secret(sink_row, p_request->>'secret', (p_request->>'rotationMs')::bigint, p_at); END IF;
    IF sink_row.url <> p_request->>'url' THEN
      UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL, healthy_at = NULL WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    END IF;
  END IF;
  answer := jsonb_build_object('kind', 'saved', 'created', sink_row.sink IS NULL, 'secretMade', sink_row.sink IS NULL AND p_request->>'secret' IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  -- The audit contains only the origin of the URL, because the rest often contains a secret.
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'set sink', jsonb_build_object('sink', p_request->>'sink', 'origin', p_request->>'origin', 'requestId', p_request->>'requestId',
    'newSecret', sink_row.sink IS NULL OR p_request->>'secret' IS NOT NULL));
  RETURN answer;
END $$;

-- Replaces the secret of a webhook. During the rotation, deliveries are signed with both the new and the previous secret. Any older secret
-- is dropped.
CREATE FUNCTION change_secret(p_sink sinks, p_sealed text, p_rotation_ms bigint, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE sinks SET secret = p_sealed, previous_secret = p_sink.secret, previous_until = p_at + make_interval(secs => p_rotation_ms / 1000.0)
  WHERE (tenant, sink) = (p_sink.tenant, p_sink.sink)
$$;

CREATE FUNCTION rotate_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks;
  answer jsonb;
BEGIN
  -- Locks the row first. The second of two concurrent requests with the same key then finds the result of the first.
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_request->>'sink') AND kind = 'webhook' FOR NO KEY UPDATE;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  PERFORM change_secret(sink_row, p_request->>'secret', (p_request->>'rotationMs')::bigint, p_at);
  UPDATE sinks SET updated_by = p_request->>'by', updated_at = p_at WHERE (tenant, sink) = (p_tenant, sink_row.sink);
  answer := jsonb_build_object('kind', 'rotated', 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'rotate sink', jsonb_build_object('sink', sink_row.sink, 'requestId', p_request->>'requestId'));
  RETURN answer;
END $$;

-- Deletes a webhook. Its recorded attempts are deleted by cascade. A tenant can't delete the row of a broker.
CREATE FUNCTION delete_sink(p_tenant text, p_sink text, p_by text, p_request_id text, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink) AND kind = 'webhook';
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM audit(p_tenant, p_at, p_by, 'delete sink', jsonb_build_object('sink', p_sink, 'requestId', p_request_id));
  RETURN true;
END $$;
