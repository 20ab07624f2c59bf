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
BEGIN
  INSERT INTO artifacts VALUES (p_tenant, p_manifest) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  INSERT INTO artifact_blobs (tenant, artifact, ordinal, digest, path, size, media_type)
  SELECT p_tenant, p_manifest, b.ordinal, b.digest, b.path, b.size, b.media_type FROM manifest_blobs(p_tenant, p_manifest) b;
END $$;

-- The blobs to which a stored manifest refers. The config has the ordinal 0.
CREATE FUNCTION manifest_blobs(p_tenant text, p_manifest text) RETURNS TABLE (ordinal integer, digest text, path text, size bigint, media_type text) LANGUAGE sql STABLE AS $$
  SELECT l.n::integer - 1, l.item->>'digest', l.item->'annotations'->>'org.opencontainers.image.title', (l.item->>'size')::bigint, l.item->>'mediaType'
  FROM (SELECT convert_from(b.content, 'UTF8')::jsonb AS content FROM blobs b WHERE (b.tenant, b.digest) = (p_tenant, p_manifest) OFFSET 0) m,
    jsonb_array_elements(jsonb_build_array(m.content->'config') || coalesce(m.content->'layers', '[]')) WITH ORDINALITY AS l (item, n)
$$;

-- The artifact of a release for the channel `p_on_channel`. This is the channel's own artifact if there is one, otherwise the base
-- artifact.
CREATE FUNCTION artifact_for(p_tenant text, p_bundle text, p_version bigint, p_on_channel text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT digest FROM release_artifacts
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND channel IN (p_on_channel, '') ORDER BY channel DESC LIMIT 1
$$;
