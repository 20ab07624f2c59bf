-- Closes a release. After that, no step that advances the release has an effect, not even a step that is running in another process. Each
-- such step locks this row and checks whether the release is closed.
CREATE FUNCTION close_release(p_tenant text, p_bundle text, p_version bigint, p_outcome text, p_yields boolean, p_reason text, p_at_stage text, p_at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF release.status = 'settled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', release.outcome, 'reason', release.reason); END IF;
  IF NOT release.closing THEN
    release.outcome := CASE WHEN p_yields THEN coalesce(release.intent, p_outcome) ELSE p_outcome END;
    release.reason := CASE WHEN p_yields THEN coalesce(release.intent_reason, p_reason) ELSE p_reason END;
    UPDATE releases SET closing = true, outcome = release.outcome, reason = release.reason WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
    IF p_at_stage IS NOT NULL THEN
      INSERT INTO stages VALUES (p_tenant, p_bundle, p_version, p_at_stage, 'failed', p_at, p_at)
      -- A step that has recorded its stage as passed may end before the workflow learns of it.
      ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'failed', finished_at = p_at WHERE stages.state <> 'passed';
    END IF;
    PERFORM close_gates(p_tenant, p_bundle, p_version, p_at);
  END IF;
  RETURN jsonb_build_object('kind', 'closing', 'outcome', release.outcome, 'reason', release.reason, 'effects', (
    SELECT coalesce(jsonb_agg(s.effect ORDER BY s.at DESC), '[]') FROM standing_effects(p_tenant, p_bundle, p_version) s));
END $$;

-- The effects to undo when a release ends without having moved its pointer. A commit status is not undone, because the final status
-- replaces it.
CREATE FUNCTION standing_effects(p_tenant text, p_bundle text, p_version bigint) RETURNS TABLE (effect text, at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT e.effect, max(e.at) FROM effects e
  WHERE (e.tenant, e.bundle, e.version) = (p_tenant, p_bundle, p_version) AND e.state NOT IN ('compensated', 'failed') AND e.effect <> 'commit-status'
  GROUP BY e.effect
$$;

-- Undoes one kind of effect of a release. For an artifact, deletes the release's claim. The artifact and its blobs may be shared with other
-- releases, so they stay stored until no release claims them. For a request to an external service, revokes the callback.
CREATE FUNCTION undo_effect(p_tenant text, p_bundle text, p_version bigint, p_effect text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND closing FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'release %/%/v% is not closed, so its effects must not be undone', p_tenant, p_bundle, p_version; END IF;
  CASE p_effect
    WHEN 'artifact-claim' THEN DELETE FROM artifact_claims WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
    WHEN 'check-request' THEN PERFORM revoke_callbacks(p_tenant, p_bundle, p_version, 'check', p_at);
    WHEN 'compile-request' THEN PERFORM revoke_callbacks(p_tenant, p_bundle, p_version, 'compile', p_at);
    ELSE RAISE EXCEPTION 'the effect % cannot be undone', p_effect;
  END CASE;
  UPDATE effects SET state = 'compensated', at = p_at
  WHERE (tenant, bundle, version, effect) = (p_tenant, p_bundle, p_version, p_effect) AND state NOT IN ('compensated', 'failed');
END $$;

-- Records that undoing an effect failed. An effect that was undone stays undone, because a failed attempt may be recorded after a later
-- attempt has succeeded.
CREATE FUNCTION record_undo_failure(p_tenant text, p_bundle text, p_version bigint, p_effect text, p_reason text, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE effects SET state = 'compensation_failed', detail = p_reason, at = p_at
  WHERE (tenant, bundle, version, effect) = (p_tenant, p_bundle, p_version, p_effect) AND state NOT IN ('compensated', 'failed')
$$;

-- Settles a closed release, after its effects were undone. Idempotent.
CREATE FUNCTION settle_release(p_tenant text, p_bundle text, p_version bigint, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF release.status <> 'settled' THEN
    IF NOT release.closing THEN RAISE EXCEPTION 'release %/%/v% has not been closed', p_tenant, p_bundle, p_version; END IF;
    IF EXISTS (
      SELECT FROM effects WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND state IN ('started', 'done') AND effect <> 'commit-status'
    ) THEN
      RAISE EXCEPTION 'release %/%/v% has effects that were not undone', p_tenant, p_bundle, p_version;
    END IF;
    UPDATE releases SET status = 'settled', settled_at = p_at WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
    PERFORM record_settlement(release, release.outcome, release.reason, p_at);
  END IF;
  RETURN jsonb_build_object('outcome', release.outcome, 'reason', release.reason);
END $$;

-- Records that a release has settled: for its commit status, in the audit log, and for its readers.
CREATE FUNCTION record_settlement(p_release releases, p_outcome text, p_reason text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_release.origin IS NOT NULL THEN PERFORM schedule_commit_status(p_release, p_outcome, p_reason, p_at); END IF;
  PERFORM audit(p_release.tenant, p_at, p_release."by", 'settled', jsonb_build_object('bundle', p_release.bundle, 'version', p_release.version, 'outcome', p_outcome, 'reason', p_reason));
  PERFORM notify_readers(p_release.tenant, p_release.bundle, p_release.channel, p_release.version, 'settled');
END $$;
