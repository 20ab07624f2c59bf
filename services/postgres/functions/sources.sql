-- Functions that store and read the sources of releases.

-- Whether a source is stored. If it is, postpones the sweep's next check of the source.
CREATE FUNCTION touch_source(p_tenant text, p_digest text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  is_kept boolean;
BEGIN
  SELECT check_at IS NULL INTO is_kept FROM sources WHERE (tenant, digest) = (p_tenant, p_digest);
  -- Most sources are new, and the source of a release is kept permanently. Neither needs an UPDATE.
  IF is_kept IS NULL OR is_kept THEN RETURN coalesce(is_kept, false); END IF;
  UPDATE sources SET check_at = now() + interval '50 minutes' WHERE (tenant, digest) = (p_tenant, p_digest);
  RETURN FOUND;
END $$;

-- Stores a source with its blobs, and its compilation if p_compilation is not null, in one round trip.
-- @returns the blobs that are missing: their contents are null, or a sweep has just deleted them. If the list is not empty, nothing is
-- stored.
CREATE FUNCTION store_source(p_tenant text, p_digest text, p_entries jsonb, p_executor text, p_compilation jsonb, p_digests text[], p_media_types text[], p_contents bytea[])
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  added bigint;
  missing jsonb;
BEGIN
  added := put_blobs(p_tenant, p_digests, p_media_types, p_contents);
  missing := put_source(p_tenant, p_digest, p_entries, p_executor, p_compilation, added, p_digests);
  IF missing <> '[]' THEN RAISE SQLSTATE 'PM010'; END IF;
  RETURN missing;
EXCEPTION
  -- The exception has rolled back the insertion of the blobs.
  WHEN SQLSTATE 'PM010' THEN RETURN missing;
END $$;

-- Stores a source, and its compilation if p_compilation is not null. The caller has inserted the blobs (`p_added` new bytes) in the same
-- transaction. `p_compiled` lists all blobs of the compilation, and may list blobs of the source. If the source is stored, it is locked first:
-- a sweep that deletes it also deletes the rows that protect its blobs.
-- @returns the blobs that are missing; if the list is empty, everything is stored
CREATE FUNCTION put_source(p_tenant text, p_digest text, p_entries jsonb, p_executor text, p_compilation jsonb, p_added bigint, p_compiled text[])
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  is_stored boolean := touch_source(p_tenant, p_digest);
  missing text[];
  added bigint := p_added;
BEGIN
  missing := hold_blobs(p_tenant, ARRAY(SELECT e->>'digest' FROM jsonb_array_elements(p_entries) e) || p_compiled, p_digest);
  IF missing <> '{}' THEN RETURN to_jsonb(missing); END IF;
  IF NOT is_stored THEN
    INSERT INTO sources (tenant, digest, entries) VALUES (p_tenant, p_digest, p_entries) ON CONFLICT DO NOTHING;
    IF FOUND THEN added := added + octet_length(p_entries::text); END IF;
  END IF;
  IF p_compilation IS NOT NULL THEN added := added + put_compilation(p_tenant, p_digest, p_executor, p_compilation); END IF;
  PERFORM charge_bytes(p_tenant, added);
  RETURN '[]';
END $$;

-- As above, with the blobs of the compilation read from the manifests of its artifacts.
CREATE FUNCTION put_source(p_tenant text, p_digest text, p_entries jsonb, p_executor text, p_compilation jsonb, p_added bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN put_source(p_tenant, p_digest, p_entries, p_executor, p_compilation, p_added,
    ARRAY(SELECT b.digest FROM compiled_blobs(p_tenant, p_compilation->'artifacts') b));
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
