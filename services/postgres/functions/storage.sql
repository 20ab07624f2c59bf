-- Functions that store blobs and sources, and delete them when they are not used. The content of a refused publish is deleted within an
-- hour. Content that an abandoned release compiled or received is also deleted within an hour. Content of an artifact or of a release's
-- source is kept.

-- Inserts the blobs that are not stored yet. The caller must sort them by digest, so that concurrent transactions lock them in the same
-- order.
-- @returns the number of bytes added
CREATE FUNCTION put_blobs(p_tenant text, p_digests text[], p_media_types text[], p_contents bytea[]) RETURNS bigint LANGUAGE sql AS $$
  WITH added AS (
    INSERT INTO blobs (tenant, digest, media_type, size, content)
    SELECT p_tenant, n.digest, n.media_type, octet_length(n.content), n.content
    FROM unnest(p_digests, p_media_types, p_contents) AS n (digest, media_type, content) WHERE n.content IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING size)
  SELECT coalesce(sum(size), 0)::bigint FROM added
$$;

-- Does the same for contents that are parts of one value: each content begins at its number of p_starts, counted from 1. The driver sends one
-- binary value as it is, but the values of an array as hexadecimal text.
CREATE FUNCTION put_blobs(p_tenant text, p_digests text[], p_media_types text[], p_starts integer[], p_sizes integer[], p_contents bytea) RETURNS bigint LANGUAGE sql AS $$
  WITH added AS (
    INSERT INTO blobs (tenant, digest, media_type, size, content)
    SELECT p_tenant, n.digest, n.media_type, n.size, substring(p_contents FROM n.start FOR n.size)
    FROM unnest(p_digests, p_media_types, p_starts, p_sizes) AS n (digest, media_type, start, size)
    ON CONFLICT DO NOTHING RETURNING size)
  SELECT coalesce(sum(size), 0)::bigint FROM added
$$;

-- Protects blobs from deletion until their holder, a source or a running compilation, refers to them or has ended. FOR KEY SHARE waits for
-- a sweep that is deleting one of the blobs.
--
-- Blobs that are protected for the source of a release need no second protection, because releases are never deleted, and the sweep keeps
-- their blobs permanently. A new version of a large source shares almost all of its blobs with such a source.
--
-- @returns the digests that are not stored, or were just deleted
--
-- Without the setting plan_cache_mode, PostgreSQL plans the statements again for each call, because it expects a cheaper plan for each length of the list.
-- The plan is always the same, and planning takes longer than the statements.
CREATE FUNCTION hold_blobs(p_tenant text, p_digests text[], p_holder text) RETURNS text[]
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  unprotected text[] := p_digests;
  earlier text := earlier_version(p_tenant, p_digests);
  missing text[];
BEGIN
  IF earlier IS NOT NULL THEN
    unprotected := ARRAY(SELECT unnest(p_digests) EXCEPT SELECT h.digest FROM blob_holders h WHERE h.tenant = p_tenant AND h.holder = earlier);
  END IF;
  INSERT INTO blob_holders (tenant, digest, holder)
  SELECT p_tenant, b.digest, p_holder FROM (
    SELECT digest FROM blobs WHERE tenant = p_tenant AND digest = ANY (unprotected) AND check_at IS NOT NULL ORDER BY digest FOR KEY SHARE) b
  ON CONFLICT DO NOTHING;
  SELECT coalesce(array_agg(DISTINCT d), '{}') INTO missing FROM unnest(p_digests) d
  WHERE NOT EXISTS (SELECT FROM blobs WHERE (tenant, digest) = (p_tenant, d));
  RETURN missing;
END $$;

-- Finds the source of a release that probably is an earlier version of the source with these blobs. It looks for the first, the middle and the
-- last blob of the list only, so that the search takes the same time for every list. Returns null if no such source is found. Also returns
-- null for fewer than 100 blobs, because protecting them again takes less time than the search.
CREATE FUNCTION earlier_version(p_tenant text, p_digests text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  blobs integer := cardinality(p_digests);
BEGIN
  IF blobs < 100 THEN RETURN NULL; END IF;
  RETURN (
    SELECT h.holder FROM blob_holders h
    WHERE h.tenant = p_tenant AND h.digest = ANY (ARRAY[p_digests[1], p_digests[blobs / 2], p_digests[blobs]])
      AND EXISTS (SELECT FROM releases r WHERE (r.tenant, r.source) = (p_tenant, h.holder))
    LIMIT 1);
END $$;

CREATE FUNCTION release_holder(p_bundle text, p_version bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT format('%s/v%s', p_bundle, p_version)
$$;

-- The sweep handles one tenant at a time, with the owner's rights, because the database role of the application can't delete content.
-- Several workers may sweep at the same time, but only one of them sweeps a given tenant.

-- The next tenants, by name, whose content is due for a check. The caller passes the last name that it received, and starts again after the
-- last tenant. A tenant with a large amount of due content therefore does not delay the others.
CREATE FUNCTION tenants_to_sweep(p_after_tenant text, p_most integer) RETURNS TABLE (tenant text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.tenant FROM tenants t
  WHERE t.tenant > p_after_tenant
    AND (EXISTS (SELECT FROM sources s WHERE s.tenant = t.tenant AND s.check_at < now())
      OR EXISTS (SELECT FROM blobs b WHERE b.tenant = t.tenant AND b.check_at < now()))
  ORDER BY t.tenant LIMIT p_most
$$;

-- Checks the due content of a tenant, and deletes the content that is not used.
-- @returns the number of sources and blobs checked
CREATE FUNCTION sweep_content(p_tenant text, p_most integer, p_most_bytes bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  freed bigint := 0;
  checked integer := 0;
  step record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7400003, hashtext(p_tenant)) THEN RETURN 0; END IF;
  SELECT * INTO step FROM sweep_sources(p_tenant, p_most, p_most_bytes);
  checked := step.checked;
  freed := step.freed;
  SELECT * INTO step FROM sweep_blobs(p_tenant, p_most, p_most_bytes);
  PERFORM charge_bytes(p_tenant, -(freed + step.freed));
  RETURN checked + step.checked;
END $$;

CREATE FUNCTION sweep_sources(p_tenant text, p_most integer, p_most_bytes bigint, OUT checked integer, OUT freed bigint) LANGUAGE plpgsql AS $$
DECLARE
  due text[];
  kept text[];
  gone text[];
BEGIN
  -- Limits the total size of the sources per call, because deleting a source takes time in proportion to the stored size of its listing. At
  -- least one source is handled, even if it alone exceeds p_most_bytes.
  due := ARRAY(SELECT n.digest FROM (
    SELECT c.digest, sum(c.size) OVER (ORDER BY c.check_at, c.digest) - c.size AS before FROM (
      SELECT digest, pg_column_size(entries) AS size, check_at FROM sources WHERE tenant = p_tenant AND check_at < now() ORDER BY check_at, digest LIMIT p_most) c) n
    WHERE n.before < p_most_bytes);
  -- Skips a source that another transaction has locked in order to admit a release of it.
  due := ARRAY(SELECT digest FROM sources WHERE tenant = p_tenant AND digest = ANY (due) AND check_at < now() ORDER BY digest FOR UPDATE SKIP LOCKED);
  checked := cardinality(due);
  kept := ARRAY(SELECT d FROM unnest(due) d WHERE EXISTS (SELECT FROM releases r WHERE (r.tenant, r.source) = (p_tenant, d)));
  UPDATE sources SET check_at = NULL WHERE tenant = p_tenant AND digest = ANY (kept);
  gone := ARRAY(SELECT d FROM unnest(due) d WHERE NOT d = ANY (kept));
  -- Deletes the compilations of the deleted sources, and the rows that protect the blobs of these sources and compilations. Other sources may
  -- protect the same blobs, and then nothing else would delete these rows.
  --
  -- A transaction that stores the same source again is safe. It has either locked the source first (touch_source), or waits for this
  -- transaction and then inserts new rows.
  DELETE FROM blob_holders WHERE tenant = p_tenant AND holder = ANY (gone);
  WITH compiled AS (DELETE FROM compilations WHERE tenant = p_tenant AND source = ANY (gone) RETURNING artifacts, warnings)
  SELECT coalesce(sum(octet_length(artifacts::text) + octet_length(warnings::text)), 0)::bigint INTO freed FROM compiled;
  WITH deleted AS (DELETE FROM sources WHERE tenant = p_tenant AND digest = ANY (gone) RETURNING entries)
  SELECT freed + coalesce(sum(octet_length(entries::text)), 0)::bigint INTO freed FROM deleted;
END $$;

CREATE FUNCTION sweep_blobs(p_tenant text, p_most integer, p_most_bytes bigint, OUT checked integer, OUT freed bigint) LANGUAGE plpgsql AS $$
DECLARE
  due text[];
  kept text[];
  awaited text[];
BEGIN
  -- Limits the total size of the blobs per call, because deleting content takes time in proportion to its size. At least one blob is
  -- handled, even if it alone exceeds p_most_bytes.
  due := ARRAY(SELECT n.digest FROM (
    SELECT c.digest, sum(c.size) OVER (ORDER BY c.check_at, c.digest) - c.size AS before FROM (
      SELECT digest, size, check_at FROM blobs WHERE tenant = p_tenant AND check_at < now() ORDER BY check_at, digest LIMIT p_most) c) n
    WHERE n.before < p_most_bytes);
  -- Skips a blob that another transaction has locked in order to refer to it.
  due := ARRAY(SELECT digest FROM blobs WHERE tenant = p_tenant AND digest = ANY (due) AND check_at < now() ORDER BY digest FOR UPDATE SKIP LOCKED);
  checked := cardinality(due);
  kept := ARRAY(SELECT d FROM unnest(due) d WHERE is_named(p_tenant, d));
  awaited := ARRAY(SELECT d FROM unnest(due) d WHERE NOT d = ANY (kept) AND is_awaited(p_tenant, d));
  UPDATE blobs SET check_at = NULL WHERE tenant = p_tenant AND digest = ANY (kept);
  UPDATE blobs SET check_at = now() + interval '5 minutes' WHERE tenant = p_tenant AND digest = ANY (awaited);
  DELETE FROM blob_holders WHERE tenant = p_tenant AND digest = ANY (due) AND NOT digest = ANY (awaited);
  WITH gone AS (
    DELETE FROM blobs WHERE tenant = p_tenant AND digest = ANY (due) AND NOT digest = ANY (kept || awaited) RETURNING digest, size),
  compiled AS (DELETE FROM compiled_documents WHERE tenant = p_tenant AND digest = ANY (ARRAY(SELECT digest FROM gone)) RETURNING facts)
  SELECT coalesce((SELECT sum(size) FROM gone), 0)::bigint + coalesce((SELECT sum(octet_length(facts)) FROM compiled), 0)::bigint INTO freed;
END $$;

-- Whether an artifact, or the source of a release, refers to the blob.
CREATE FUNCTION is_named(p_tenant text, p_digest text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM artifact_blobs a WHERE (a.tenant, a.digest) = (p_tenant, p_digest))
    OR EXISTS (SELECT FROM artifacts a WHERE (a.tenant, a.digest) = (p_tenant, p_digest))
    OR EXISTS (
      SELECT FROM blob_holders h JOIN sources s ON (s.tenant, s.digest) = (h.tenant, h.holder)
      WHERE (h.tenant, h.digest) = (p_tenant, p_digest) AND s.check_at IS NULL)
$$;

-- Whether the blob is needed by a source that may still be published, or by a release that is being compiled.
CREATE FUNCTION is_awaited(p_tenant text, p_digest text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
      SELECT FROM blob_holders h JOIN sources s ON (s.tenant, s.digest) = (h.tenant, h.holder)
      WHERE (h.tenant, h.digest) = (p_tenant, p_digest))
    OR EXISTS (
      SELECT FROM releases r JOIN blob_holders h ON (h.tenant, h.holder) = (r.tenant, release_holder(r.bundle, r.version))
      WHERE (h.tenant, h.digest) = (p_tenant, p_digest) AND r.tenant = p_tenant AND may_advance(r) AND r.digest IS NULL)
$$;
