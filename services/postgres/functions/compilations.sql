-- Functions that store compilations, and that prepare releases from them. A compilation is the result of compiling a source with one
-- executor. It is stored once, and every release of the source uses it.

-- The name of the executor that a rule for compilation selects. Null selects the local compiler, whose name p_local includes its version. A
-- source has one compilation for each name.
CREATE FUNCTION executor_name(p_rule jsonb, p_local text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE coalesce(p_rule->>'executor', 'local')
    WHEN 'local' THEN p_local
    WHEN 'http' THEN concat_ws('/', 'http', p_rule->>'url')
    WHEN 'celery' THEN concat_ws('/', 'celery', p_rule->>'broker', p_rule->>'queue', p_rule->>'task') END
$$;

-- The digests of all blobs of compiled artifacts, including the manifests. A manifest that is not stored contributes only its own digest.
CREATE FUNCTION compiled_blobs(p_tenant text, p_artifacts jsonb) RETURNS TABLE (digest text) LANGUAGE sql STABLE AS $$
  SELECT a->>'digest' FROM jsonb_array_elements(p_artifacts) a
  UNION SELECT b.digest FROM jsonb_array_elements(p_artifacts) a, manifest_blobs(p_tenant, a->>'digest') b
$$;

-- Stores a compilation of a stored source, unless one is stored. The caller has protected the blobs of its artifacts with hold_blobs, and
-- must charge the added bytes to the tenant at the end of the transaction.
-- @returns the number of bytes added
CREATE FUNCTION put_compilation(p_tenant text, p_source text, p_executor text, p_compilation jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  artifacts jsonb := p_compilation->'artifacts';
  warnings jsonb := p_compilation->'warnings';
BEGIN
  INSERT INTO compilations (tenant, source, executor, artifacts, warnings, started_at, finished_at)
  VALUES (p_tenant, p_source, p_executor, artifacts, warnings, (p_compilation->>'startedAt')::timestamptz, (p_compilation->>'finishedAt')::timestamptz)
  ON CONFLICT DO NOTHING;
  RETURN CASE WHEN FOUND THEN octet_length(artifacts::text) + octet_length(warnings::text) ELSE 0 END;
END $$;

-- Prepares a release for its gates or its swap: takes the compilation of its source, registers the artifacts and opens the gates. If no
-- compilation is stored, returns which executor must compile the source first. The function may be repeated. See Prepared in
-- handlers/ports/stages.ts.
CREATE FUNCTION prepare_release(p_tenant text, p_bundle text, p_version bigint, p_local text, p_invocation text, p_began timestamptz, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
  rule jsonb;
  compilation compilations;
  own text;
  is_unchanged boolean;
  gated boolean;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF NOT may_advance(release) THEN RETURN '{"kind": "closed"}'; END IF;
  rule := compile_rule(p_tenant, release.policy_version);
  SELECT * INTO compilation FROM compilations WHERE (tenant, source, executor) = (p_tenant, release.source, executor_name(rule, p_local));
  IF NOT FOUND THEN
    UPDATE releases SET invocation_id = p_invocation WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
    IF rule IS NULL THEN RETURN '{"kind": "not_compiled"}'; END IF;
    -- An external compiler validates the source itself.
    INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
    VALUES (p_tenant, p_bundle, p_version, 'validate', 'passed', p_began, p_at), (p_tenant, p_bundle, p_version, 'compile', 'running', p_at, NULL)
    ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('kind', 'compile_remotely', 'rule', rule);
  END IF;
  PERFORM put_artifact(p_tenant, a->>'digest') FROM jsonb_array_elements(compilation.artifacts) a;
  INSERT INTO release_artifacts SELECT p_tenant, p_bundle, p_version, coalesce(a->>'channel', ''), a->>'digest' FROM jsonb_array_elements(compilation.artifacts) a
  ON CONFLICT DO NOTHING;
  INSERT INTO artifact_claims SELECT DISTINCT p_tenant, a->>'digest', p_bundle, p_version FROM jsonb_array_elements(compilation.artifacts) a ON CONFLICT DO NOTHING;
  own := artifact_for(p_tenant, p_bundle, p_version, release.channel);
  IF own IS NULL THEN RAISE SQLSTATE 'PM009'; END IF;
  UPDATE releases SET digest = own, invocation_id = p_invocation WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
  PERFORM put_effect(p_tenant, p_bundle, p_version, 'artifact-claim', 'done', own, p_at);
  -- No gate is opened for an artifact that is already live. If the pointer moves before the swap, the swap opens the gates. A release for a
  -- later time gets its gates, because another artifact may be live then.
  is_unchanged := coalesce(release.not_before, p_at) <= p_at AND EXISTS (
    SELECT FROM pointers WHERE (tenant, bundle, channel, digest) = (p_tenant, p_bundle, release.channel, own));
  gated := NOT is_unchanged AND open_gates(release, p_at);
  -- The times of the first two stages are those of the compilation. They may be earlier than the release.
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (p_tenant, p_bundle, p_version, 'validate', 'passed', compilation.started_at, compilation.finished_at),
    (p_tenant, p_bundle, p_version, 'compile', 'passed', compilation.started_at, compilation.finished_at),
    (p_tenant, p_bundle, p_version, 'store', 'passed', p_began, p_at),
    (p_tenant, p_bundle, p_version, 'gate', CASE WHEN is_unchanged THEN 'skipped' WHEN gated THEN 'running' ELSE 'passed' END, p_at, CASE WHEN NOT gated THEN p_at END)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at
  WHERE stages.state <> 'passed';
  RETURN jsonb_build_object('kind', 'prepared', 'gated', gated);
EXCEPTION
  -- The errors that are handled below roll back all changes of this function.
  WHEN SQLSTATE 'PM009' THEN RETURN '{"kind": "broken", "cause": "none_for_channel"}';
  WHEN foreign_key_violation THEN RETURN '{"kind": "broken", "cause": "blob_missing"}';
  WHEN not_null_violation OR invalid_text_representation OR no_data_found THEN RETURN '{"kind": "broken", "cause": "manifest_unreadable"}';
END $$;
