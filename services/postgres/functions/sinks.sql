-- Makes a webhook, or replaces what it is. A new one begins with the next move; of one that is there the cursor stays, since the other
-- address takes over where the first one left off, and its failures go, since they were the first one's.
--
-- `secret` is given, or null; `madeSecret` is for a new webhook that is given none. A given one takes the place of the last as a rotation does.
-- Under the tenant's lock, as a move: then the number at which it begins is one that no move under way comes before, two requests at once
-- do not both make it (the first would have been told a secret that counts no more), and there are no more than may be.
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
      UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL, proven_at = NULL WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    END IF;
  END IF;
  answer := jsonb_build_object('kind', 'saved', 'created', sink_row.sink IS NULL, 'secretMade', sink_row.sink IS NULL AND p_request->>'secret' IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  -- Of the address only where it leads: what stands behind the host is a secret as often as not.
  PERFORM note(p_tenant, p_at, p_request->>'by', 'set sink', jsonb_build_object('sink', p_request->>'sink', 'origin', p_request->>'origin', 'requestId', p_request->>'requestId',
    'newSecret', sink_row.sink IS NULL OR p_request->>'secret' IS NOT NULL));
  RETURN answer;
END $$;

-- The secret until now signs beside the new one for a while. The one before it does not any more.
CREATE FUNCTION change_secret(p_sink sinks, p_sealed text, p_rotation_ms bigint, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE sinks SET secret = p_sealed, previous_secret = p_sink.secret, previous_until = p_at + make_interval(secs => p_rotation_ms / 1000.0)
  WHERE (tenant, sink) = (p_sink.tenant, p_sink.sink)
$$;

CREATE FUNCTION rotate_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks;
  answer jsonb;
BEGIN
  -- The row's lock first, so that of two requests under one key the second finds what the first has done.
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_request->>'sink') AND kind = 'webhook' FOR NO KEY UPDATE;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  PERFORM change_secret(sink_row, p_request->>'secret', (p_request->>'rotationMs')::bigint, p_at);
  UPDATE sinks SET updated_by = p_request->>'by', updated_at = p_at WHERE (tenant, sink) = (p_tenant, sink_row.sink);
  answer := jsonb_build_object('kind', 'rotated', 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM note(p_tenant, p_at, p_request->>'by', 'rotate sink', jsonb_build_object('sink', sink_row.sink, 'requestId', p_request->>'requestId'));
  RETURN answer;
END $$;

-- With its attempts. A broker's row is no tenant's to delete.
CREATE FUNCTION delete_sink(p_tenant text, p_sink text, p_by text, p_request_id text, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink) AND kind = 'webhook';
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM note(p_tenant, p_at, p_by, 'delete sink', jsonb_build_object('sink', p_sink, 'requestId', p_request_id));
  RETURN true;
END $$;
