-- Functions that store and read the sources of releases.

-- Returns the source of a release in the format of load_source, together with the policy's rule for remote compilation. Both are loaded in
-- one round trip.
CREATE FUNCTION load_release_source(p_tenant text, p_bundle text, p_version bigint, p_digest text, p_few bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT load_source(p_tenant, p_digest, p_few) || jsonb_build_object('executor', compile_rule(p_tenant, policy_version))
  FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version)
$$;

-- Whether a source is stored. If it is, postpones the sweep's next check of the source.
CREATE FUNCTION touch_source(p_tenant text, p_digest text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM sources WHERE (tenant, digest) = (p_tenant, p_digest) AND check_at IS NULL;
  IF FOUND THEN RETURN true; END IF;
  UPDATE sources SET check_at = now() + interval '50 minutes' WHERE (tenant, digest) = (p_tenant, p_digest);
  RETURN FOUND;
END $$;

-- Stores a source. The caller has inserted the blobs of the source (`p_added` new bytes) in the same transaction.
-- @returns the blobs that a sweep has deleted since the caller checked them; if the list is empty, the source is stored
CREATE FUNCTION put_source(p_tenant text, p_digest text, p_entries jsonb, p_added bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  missing text[];
BEGIN
  missing := hold_blobs(p_tenant, ARRAY(SELECT DISTINCT e->>'digest' FROM jsonb_array_elements(p_entries) e), p_digest);
  IF missing <> '{}' THEN RETURN to_jsonb(missing); END IF;
  INSERT INTO sources (tenant, digest, entries) VALUES (p_tenant, p_digest, p_entries) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    PERFORM charge_bytes(p_tenant, p_added + octet_length(p_entries::text));
  ELSE
    PERFORM touch_source(p_tenant, p_digest);
    PERFORM charge_bytes(p_tenant, p_added);
  END IF;
  RETURN '[]';
END $$;

-- Returns the list of files of a source, or null if the source is unknown. Includes the contents of the files if their total size is at
-- most `p_few` bytes. A small source is therefore loaded in one round trip.
CREATE FUNCTION load_source(p_tenant text, p_digest text, p_few bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  listing jsonb;
  bytes bigint;
  digests text[];
  contents jsonb;
BEGIN
  SELECT entries INTO listing FROM sources WHERE (tenant, digest) = (p_tenant, p_digest);
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT coalesce(sum((e->>'size')::bigint), 0), array_agg(e->>'digest') INTO bytes, digests FROM jsonb_array_elements(listing) e;
  IF bytes <= p_few THEN
    SELECT jsonb_object_agg(digest, encode(content, 'base64')) INTO contents FROM blobs WHERE tenant = p_tenant AND digest = ANY (digests);
  END IF;
  RETURN jsonb_build_object('entries', listing, 'contents', coalesce(contents, '{}'));
END $$;
