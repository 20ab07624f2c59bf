-- Records a stage that has ended. Refused for a closed release: like every step that advances a release, the function checks this while it
-- holds the lock of the release's row. A step may be repeated, so only additional bytes of diagnostics count towards the quota.
CREATE FUNCTION record_stage(p_tenant text, p_bundle text, p_version bigint, p_stage text, p_state text, p_invocation text, p_began timestamptz, p_ended timestamptz, p_problems jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  charged bigint;
BEGIN
  UPDATE releases SET invocation_id = p_invocation
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND is_recording(releases);
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT diagnostics_bytes(diagnostics) INTO charged FROM stages WHERE (tenant, bundle, version, stage) = (p_tenant, p_bundle, p_version, p_stage::stage_name);
  PERFORM put_stage(p_tenant, p_bundle, p_version, p_stage, p_state, p_began, p_ended, p_problems);
  PERFORM charge_bytes(p_tenant, diagnostics_bytes(p_problems) - coalesce(charged, 0), false);
  RETURN true;
END $$;

CREATE FUNCTION diagnostics_bytes(p_problems jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_problems = '[]' THEN 0 ELSE octet_length(p_problems::text) END
$$;

-- Records the validate and compile stages. Also stores the compiled blobs if they are small, so that a small bundle needs one round trip.
-- The content of a blob that is already stored is null.
CREATE FUNCTION record_compiled(
  p_tenant text, p_bundle text, p_version bigint, p_invocation text, p_valid_began timestamptz, p_valid_ended timestamptz, p_began timestamptz, p_ended timestamptz,
  p_digests text[], p_media_types text[], p_contents bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  added bigint;
BEGIN
  UPDATE releases SET invocation_id = p_invocation
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND may_advance(releases);
  IF NOT FOUND THEN RETURN false; END IF;
  added := put_blobs(p_tenant, p_digests, p_media_types, p_contents);
  IF hold_blobs(p_tenant, p_digests, release_holder(p_bundle, p_version)) <> '{}' THEN
    RAISE EXCEPTION 'a sweep has deleted a stored blob: store it again' USING ERRCODE = '40001';
  END IF;
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (p_tenant, p_bundle, p_version, 'validate', 'passed', p_valid_began, p_valid_ended), (p_tenant, p_bundle, p_version, 'compile', 'passed', p_began, p_ended)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'passed', finished_at = EXCLUDED.finished_at;
  PERFORM charge_bytes(p_tenant, added);
  RETURN true;
END $$;

CREATE FUNCTION put_stage(p_tenant text, p_bundle text, p_version bigint, p_stage text, p_state text, p_began timestamptz, p_ended timestamptz, p_problems jsonb DEFAULT '[]')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO stages VALUES (p_tenant, p_bundle, p_version, p_stage, p_state, p_began, p_ended, p_problems)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = p_state, finished_at = p_ended, diagnostics = p_problems
$$;

CREATE FUNCTION put_effect(p_tenant text, p_bundle text, p_version bigint, p_effect text, p_state text, p_detail text, p_at timestamptz, p_subject text DEFAULT '')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO effects (tenant, bundle, version, effect, subject, state, detail, at) VALUES (p_tenant, p_bundle, p_version, p_effect, p_subject, p_state, p_detail, p_at)
  ON CONFLICT (tenant, bundle, version, effect, subject) DO UPDATE SET state = p_state, detail = p_detail, at = EXCLUDED.at
$$;

-- Registers the artifact of a manifest, and the blobs to which the manifest refers. If a blob is not stored, the foreign key rejects the
-- transaction and nothing is registered.
CREATE FUNCTION put_artifact(p_tenant text, p_manifest text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  content jsonb;
BEGIN
  INSERT INTO artifacts VALUES (p_tenant, p_manifest) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT convert_from(blobs.content, 'UTF8')::jsonb INTO STRICT content FROM blobs WHERE (tenant, digest) = (p_tenant, p_manifest);
  INSERT INTO artifact_blobs (tenant, artifact, ordinal, digest, path, size, media_type)
  SELECT p_tenant, p_manifest, d.ordinal, d.item->>'digest', d.item->'annotations'->>'org.opencontainers.image.title',
    (d.item->>'size')::bigint, d.item->>'mediaType'
  FROM (
    SELECT 0 AS ordinal, content->'config' AS item
    UNION ALL
    SELECT l.n::integer, l.item FROM jsonb_array_elements(content->'layers') WITH ORDINALITY AS l (item, n)) d;
END $$;

CREATE FUNCTION store_artifacts(p_tenant text, p_bundle text, p_version bigint, p_on_channel text, p_made jsonb, p_invocation text, p_began timestamptz, p_ended timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  own text;
  gated boolean;
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND may_advance(releases) FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "closed"}'; END IF;
  PERFORM put_artifact(p_tenant, a->>'digest') FROM jsonb_array_elements(p_made) a;
  INSERT INTO release_artifacts SELECT p_tenant, p_bundle, p_version, coalesce(a->>'channel', ''), a->>'digest' FROM jsonb_array_elements(p_made) a
  ON CONFLICT DO NOTHING;
  INSERT INTO artifact_claims SELECT DISTINCT p_tenant, a->>'digest', p_bundle, p_version FROM jsonb_array_elements(p_made) a ON CONFLICT DO NOTHING;
  own := artifact_for(p_tenant, p_bundle, p_version, p_on_channel);
  IF own IS NULL THEN RAISE SQLSTATE 'PM009'; END IF;
  UPDATE releases SET digest = own, invocation_id = p_invocation WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
  PERFORM put_effect(p_tenant, p_bundle, p_version, 'artifact-claim', 'done', own, p_ended);
  gated := open_gates(p_tenant, p_bundle, p_version, p_ended);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (p_tenant, p_bundle, p_version, 'store', 'passed', p_began, p_ended),
    (p_tenant, p_bundle, p_version, 'gate', CASE WHEN gated THEN 'running' ELSE 'passed' END, p_ended, CASE WHEN NOT gated THEN p_ended END)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at
  WHERE stages.state <> 'passed';
  RETURN jsonb_build_object('kind', 'stored', 'digest', own, 'gated', gated);
EXCEPTION
  -- The errors that are handled below roll back all changes of this function.
  WHEN SQLSTATE 'PM009' THEN RETURN '{"kind": "broken", "cause": "none_for_channel"}';
  WHEN foreign_key_violation THEN RETURN '{"kind": "broken", "cause": "blob_missing"}';
  WHEN not_null_violation OR invalid_text_representation OR no_data_found THEN RETURN '{"kind": "broken", "cause": "manifest_unreadable"}';
END $$;

-- The artifact of a release for the channel `p_on_channel`. This is the channel's own artifact if there is one, otherwise the base
-- artifact.
CREATE FUNCTION artifact_for(p_tenant text, p_bundle text, p_version bigint, p_on_channel text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT digest FROM release_artifacts
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND channel IN (p_on_channel, '') ORDER BY channel DESC LIMIT 1
$$;
