-- Rejects any change to a callback that has been used or revoked.
CREATE FUNCTION guard_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.state, NEW.report, NEW.fingerprint, NEW.sha256, NEW.cause, NEW.reason)
     IS DISTINCT FROM (OLD.state, OLD.report, OLD.fingerprint, OLD.sha256, OLD.cause, OLD.reason) THEN
    RAISE EXCEPTION 'callback % has been %', OLD.id, OLD.state USING ERRCODE = 'PM005';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER one_report BEFORE UPDATE ON callbacks FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION guard_callback();

-- Revokes the open callbacks of a release when the release is closed or settles. Because it is a trigger, it applies to every
-- function that closes a release or moves a pointer.
CREATE FUNCTION stop_listening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE callbacks SET state = 'revoked', closed_at = clock_timestamp(),
    cause = CASE WHEN NEW.closing THEN 'release_closed' WHEN NEW.outcome = 'unchanged' THEN 'release_unchanged' ELSE 'release_published' END
  WHERE (tenant, bundle, version) = (NEW.tenant, NEW.bundle, NEW.version) AND state = 'open';
  RETURN NULL;
END $$;
CREATE TRIGGER ended_is_deaf AFTER UPDATE ON releases FOR EACH ROW
  WHEN ((NEW.closing AND NOT OLD.closing) OR (NEW.status = 'settled' AND OLD.status <> 'settled')) EXECUTE FUNCTION stop_listening();

-- Finds the callback whose capability (the secret in its URL) has this SHA-256. Searches the callbacks of all tenants.
CREATE FUNCTION find_callback(p_hash text) RETURNS TABLE (tenant text, id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT c.tenant, c.id FROM callbacks c WHERE c.sha256 = p_hash
$$;

-- Opens the callback for a request to an external checker or compiler. Records in the ledger of effects that the request has started. See
-- OpenedCallback in handlers/ports/callbacks.ts.
CREATE FUNCTION open_callback(p_tenant text, p_bundle text, p_version bigint, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  until timestamptz := to_timestamp((p_request->>'deadlineMs')::double precision / 1000);
  opened jsonb;
  release releases;
  callback callbacks;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  opened := jsonb_build_object('kind', 'open', 'channel', release.channel, 'digest', release.digest);
  IF NOT may_advance(release) THEN RETURN '{"kind": "over"}'; END IF;
  IF p_request->>'purpose' = 'check' THEN
    PERFORM FROM gates WHERE (tenant, bundle, version, gate) = (p_tenant, p_bundle, p_version, p_request->>'subject') AND state = 'open';
    IF NOT FOUND THEN RETURN '{"kind": "over"}'; END IF;
  END IF;
  SELECT * INTO callback FROM callbacks WHERE (tenant, id) = (p_tenant, p_request->>'id');
  IF NOT FOUND THEN
    INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, sha256, awakeable_id, deadline_at)
    VALUES (p_tenant, p_request->>'id', p_bundle, p_version, p_request->>'purpose', p_request->>'subject', p_request->>'sha256', p_request->>'awakeableId', until);
    PERFORM put_effect(p_tenant, p_bundle, p_version, request_effect(p_request->>'purpose'), 'started', p_request->>'detail', p_at, p_request->>'subject');
    RETURN opened;
  END IF;
  -- Updates the awakeable, which has changed if Restate has lost its data and the release has started again.
  UPDATE callbacks SET awakeable_id = p_request->>'awakeableId', deadline_at = until WHERE (tenant, id) = (p_tenant, callback.id);
  IF callback.state <> 'open' THEN RETURN '{"kind": "over"}'; END IF;
  IF callback.sha256 = p_request->>'sha256' THEN RETURN opened; END IF;
  -- If a request has reached the external service, the callback keeps the capability that was sent with that request. Otherwise the request
  -- may have been lost. It is then sent again with the new capability.
  PERFORM FROM effects WHERE (tenant, bundle, version, effect, subject) = (p_tenant, p_bundle, p_version, request_effect(callback.purpose), callback.subject) AND state = 'done';
  IF FOUND THEN RETURN '{"kind": "asked"}'; END IF;
  UPDATE callbacks SET sha256 = p_request->>'sha256' WHERE (tenant, id) = (p_tenant, callback.id);
  RETURN opened;
END $$;

CREATE FUNCTION request_effect(p_purpose text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT p_purpose || '-request'
$$;

-- Records the result of a request to an external service in the ledger of effects. If the effect has been undone in the meantime, its row
-- is not changed.
CREATE FUNCTION record_request(p_tenant text, p_bundle text, p_version bigint, p_purpose text, p_subject text, p_state text, p_detail text, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE effects SET state = p_state, detail = p_detail, at = p_at
  WHERE (tenant, bundle, version, effect, subject) = (p_tenant, p_bundle, p_version, request_effect(p_purpose), p_subject) AND state = 'started'
$$;

-- Revokes the callback because the request to the external service failed. The service may still have received the request, because the
-- failure may be a lost response. Idempotent.
CREATE FUNCTION give_up_callback(p_tenant text, p_bundle text, p_version bigint, p_id text, p_reason text, p_is_final boolean, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  callback callbacks;
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  UPDATE callbacks SET state = 'revoked', closed_at = p_at, cause = 'given_up', reason = p_reason, final = p_is_final WHERE (tenant, id) = (p_tenant, p_id) AND state = 'open';
  SELECT * INTO STRICT callback FROM callbacks WHERE (tenant, id) = (p_tenant, p_id);
  IF callback.state = 'revoked' THEN PERFORM record_request(p_tenant, p_bundle, p_version, callback.purpose, callback.subject, 'failed', p_reason, p_at); END IF;
  RETURN callback.cause IS NOT DISTINCT FROM 'given_up' AND callback.reason = p_reason;
END $$;

-- Returns the reason why the callback does not accept a report, or null if the callback is open. If the callback has received this report
-- before, returns the stored result. `p_fingerprint` is null if there is no report to compare. See CallbackRefusal in
-- handlers/contract/release.ts.
CREATE FUNCTION callback_refuses(p_callback callbacks, p_release releases, p_fingerprint text, p_at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN p_callback.state = 'used' AND p_callback.fingerprint = p_fingerprint
      THEN jsonb_build_object('kind', 'taken', 'replayed', true, 'awakeableId', p_callback.awakeable_id, 'decisionNumber', p_callback.decision_number)
    WHEN p_callback.state = 'used'
      THEN jsonb_build_object('kind', 'used', 'result', coalesce(p_callback.report->>'conclusion', p_callback.report->>'status'), 'at', iso(p_callback.closed_at))
    WHEN p_callback.deadline_at <= p_at THEN jsonb_build_object('kind', 'expired', 'deadlineAt', iso(p_callback.deadline_at))
    WHEN p_callback.state = 'revoked'
      THEN jsonb_build_object('kind', 'revoked', 'cause', p_callback.cause, 'reason', p_callback.reason, 'deadlineAt', iso(p_callback.deadline_at))
    WHEN NOT may_advance(p_release)
      THEN jsonb_build_object('kind', 'revoked', 'cause', 'release_ended', 'reason', p_release.intent_reason, 'deadlineAt', iso(p_callback.deadline_at))
  END
$$;

CREATE FUNCTION evaluate_callback(p_tenant text, p_id text, p_fingerprint text, p_at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('bundle', c.bundle, 'version', c.version, 'purpose', c.purpose, 'source', r.source,
    'refusal', callback_refuses(c, r, p_fingerprint, p_at))
  FROM callbacks c JOIN releases r USING (tenant, bundle, version) WHERE (c.tenant, c.id) = (p_tenant, p_id)
$$;

-- Records the report of an external checker or compiler, once. `p_detail` is the text for the ledger. The result of a check is recorded as
-- a decision on its gate. See RecordedCallback in handlers/ports/callbacks.ts.
CREATE FUNCTION record_callback(p_tenant text, p_bundle text, p_version bigint, p_id text, p_report jsonb, p_fingerprint text, p_request_id text, p_detail text, p_at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
  callback callbacks;
  settled jsonb;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  SELECT * INTO STRICT callback FROM callbacks WHERE (tenant, id) = (p_tenant, p_id) FOR UPDATE;
  IF (callback.bundle, callback.version) <> (p_bundle, p_version) THEN RAISE EXCEPTION 'callback % is of another release than %/%/v%', p_id, p_tenant, p_bundle, p_version; END IF;
  settled := callback_refuses(callback, release, p_fingerprint, p_at);
  IF settled IS NOT NULL THEN RETURN settled; END IF;
  IF callback.purpose = 'check' THEN
    settled := record_decision(jsonb_build_object('tenant', p_tenant, 'bundle', p_bundle, 'version', p_version, 'kind', 'check', 'gate', callback.subject, 'decision', p_report->>'conclusion',
      'digest', NULL, 'roles', '[]'::jsonb, 'comment', p_report->>'summary', 'url', p_report->>'url', 'by', 'callback/' || callback.subject, 'fromCallout', true,
      -- This key belongs to the report alone: no client can have used it.
      'idempotencyKey', callback.sha256 || '/' || p_fingerprint, 'fingerprint', p_fingerprint, 'requestId', p_request_id), p_at);
    IF settled->>'kind' <> 'recorded' THEN
      RETURN jsonb_build_object('kind', 'revoked', 'cause', 'gate_decided', 'reason', NULL, 'gate', callback.subject, 'deadlineAt', iso(callback.deadline_at));
    END IF;
  ELSE
    PERFORM audit(p_tenant, p_at, 'callback/' || callback.subject, 'compile report', jsonb_build_object('bundle', p_bundle, 'version', p_version, 'attempt', callback.subject,
      'status', p_report->>'status', 'artifacts', p_report->'artifacts', 'requestId', p_request_id));
  END IF;
  UPDATE callbacks SET state = 'used', closed_at = p_at, report = p_report, fingerprint = p_fingerprint, decision_number = (settled->>'decisionNumber')::bigint
  WHERE (tenant, id) = (p_tenant, p_id) RETURNING * INTO STRICT callback;
  -- A report proves that the external service has received the request, even if sending the request returned an error.
  PERFORM record_request(p_tenant, p_bundle, p_version, callback.purpose, callback.subject, 'done', p_detail, p_at);
  -- Counts the bytes of the report twice, because the row of the stage contains a copy of its diagnostics.
  PERFORM charge_bytes(p_tenant, 2 * octet_length(p_report::text), false);
  RETURN jsonb_build_object('kind', 'taken', 'replayed', false, 'awakeableId', callback.awakeable_id, 'decisionNumber', callback.decision_number);
END $$;

-- Stores one blob that an external compiler uploads. All attempts of a release share the same limits. A blob that the tenant has already
-- stored does not count towards them.
CREATE FUNCTION put_callback_blob(p_tenant text, p_id text, p_digest text, p_media_type text, p_bytes bytea, p_most_blobs bigint, p_most_bytes bigint, p_at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  refusal jsonb := evaluate_callback(p_tenant, p_id, NULL, p_at)->'refusal';
  callback callbacks;
  found_there boolean;
  blobs_now bigint;
  bytes_now bigint;
BEGIN
  IF refusal <> 'null' THEN RETURN refusal; END IF;
  SELECT * INTO STRICT callback FROM callbacks WHERE (tenant, id) = (p_tenant, p_id);
  INSERT INTO blobs (tenant, digest, media_type, size, content) VALUES (p_tenant, p_digest, p_media_type, octet_length(p_bytes), p_bytes) ON CONFLICT DO NOTHING;
  found_there := NOT FOUND;
  IF hold_blobs(p_tenant, ARRAY[p_digest], release_holder(callback.bundle, callback.version)) <> '{}' THEN
    RAISE EXCEPTION 'a sweep has deleted what was there: store it again' USING ERRCODE = '40001';
  END IF;
  IF found_there THEN RETURN '{"kind": "there"}'; END IF;
  UPDATE callbacks SET uploaded_blobs = uploaded_blobs + 1, uploaded_bytes = uploaded_bytes + octet_length(p_bytes)
  WHERE (tenant, id) = (p_tenant, p_id) AND state = 'open' RETURNING * INTO callback;
  SELECT sum(uploaded_blobs), sum(uploaded_bytes) INTO blobs_now, bytes_now FROM callbacks WHERE (tenant, bundle, version) = (p_tenant, callback.bundle, callback.version);
  -- Either the callback was revoked after the check above, or the release has exceeded its limits for uploads. The exception also rolls
  -- back the insertion of the blob.
  IF callback.id IS NULL OR blobs_now > p_most_blobs OR bytes_now > p_most_bytes THEN RAISE EXCEPTION 'not taken' USING ERRCODE = 'PM006'; END IF;
  PERFORM charge_bytes(p_tenant, octet_length(p_bytes));
  RETURN '{"kind": "stored"}';
EXCEPTION
  WHEN SQLSTATE 'PM006' THEN
    refusal := evaluate_callback(p_tenant, p_id, NULL, p_at)->'refusal';
    RETURN CASE refusal WHEN 'null' THEN '{"kind": "too_much"}' ELSE refusal END;
END $$;

-- Ends an attempt of a remote compilation. If no report has arrived, revokes the callback, so that a later report is refused. A successful
-- compilation is stored for all releases of the source. See EndedAttempt in handlers/ports/callbacks.ts.
CREATE FUNCTION end_attempt(p_tenant text, p_bundle text, p_version bigint, p_id text, p_attempt text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
  callback callbacks;
  missing text[];
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF NOT may_advance(release) THEN RETURN '{"kind": "closed"}'; END IF;
  INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, state, closed_at, cause)
  VALUES (p_tenant, p_id, p_bundle, p_version, 'compile', p_attempt, p_at, 'revoked', p_at, 'not_requested') ON CONFLICT DO NOTHING;
  UPDATE callbacks SET state = 'revoked', closed_at = p_at, cause = 'no_response'
  WHERE (tenant, id) = (p_tenant, p_id) AND state = 'open';
  SELECT * INTO STRICT callback FROM callbacks WHERE (tenant, id) = (p_tenant, p_id);
  IF callback.state = 'revoked' THEN
    UPDATE effects SET state = 'compensated', at = p_at
    WHERE (tenant, bundle, version, effect, subject) = (p_tenant, p_bundle, p_version, request_effect('compile'), p_attempt) AND state IN ('started', 'done');
    RETURN jsonb_build_object('kind', 'revoked', 'cause', callback.cause, 'reason', callback.reason, 'deadlineAt', iso(callback.deadline_at), 'final', callback.final);
  END IF;
  IF callback.report->>'status' = 'failed' THEN RETURN jsonb_build_object('kind', 'failed', 'message', callback.report->>'message'); END IF;
  IF callback.report->>'status' = 'invalid' THEN
    PERFORM end_compile(p_tenant, p_bundle, p_version, 'failed', callback.report->'diagnostics', p_at);
    RETURN jsonb_build_object('kind', 'invalid', 'diagnostics', callback.report->'diagnostics');
  END IF;
  PERFORM end_compile(p_tenant, p_bundle, p_version, 'passed', '[]', p_at);
  missing := hold_blobs(p_tenant, ARRAY(SELECT b.digest FROM compiled_blobs(p_tenant, callback.report->'artifacts') b), release.source);
  IF missing <> '{}' THEN RAISE EXCEPTION 'a blob of a compiled artifact is not stored: %', missing[1]; END IF;
  PERFORM charge_bytes(p_tenant, put_compilation(p_tenant, release.source, executor_name(compile_rule(p_tenant, release.policy_version), NULL), jsonb_build_object(
    'artifacts', callback.report->'artifacts', 'warnings', '[]'::jsonb, 'finishedAt', p_at, 'startedAt', (
      SELECT s.started_at FROM stages s WHERE (s.tenant, s.bundle, s.version, s.stage) = (p_tenant, p_bundle, p_version, 'compile')))), false);
  RETURN '{"kind": "compiled"}';
END $$;

CREATE FUNCTION end_compile(p_tenant text, p_bundle text, p_version bigint, p_state text, p_problems jsonb, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE stages SET state = p_state, finished_at = p_at, diagnostics = p_problems WHERE (tenant, bundle, version, stage) = (p_tenant, p_bundle, p_version, 'compile')
$$;

CREATE FUNCTION revoke_callbacks(p_tenant text, p_bundle text, p_version bigint, p_purpose text, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE callbacks SET state = 'revoked', closed_at = p_at, cause = 'release_closed'
  WHERE (tenant, bundle, version, purpose) = (p_tenant, p_bundle, p_version, p_purpose) AND state = 'open'
$$;

-- The rule for remote compilation in a policy version. Null if that version compiles sources locally.
CREATE FUNCTION compile_rule(p_tenant text, p_policy bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT nullif(document->'compile', '{"executor": "local"}') FROM policies WHERE (tenant, version) = (p_tenant, p_policy)
$$;
