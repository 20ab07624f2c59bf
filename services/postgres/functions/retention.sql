-- Functions that delete rows whose retention has ended. Each call deletes one batch, with the owner's rights, because the database role of
-- the application can't delete history. Each function returns the number of deleted rows. A full batch means that there may be more.
--
-- No caller can delete rows that are younger than the shortest retention that an operator may set: see retentionLimits in
-- core/limits/storage-limits.ts.

CREATE FUNCTION forget_keys(p_before timestamptz, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  gone integer := 0;
  deleted_now integer;
  one record;
BEGIN
  FOR one IN
    SELECT k.tenant, array_agg(k.key) AS keys FROM (
      SELECT tenant, key FROM idempotency_keys WHERE created_at < least(p_before, now() - interval '7 days') ORDER BY created_at LIMIT p_most) k
    GROUP BY k.tenant ORDER BY k.tenant
  LOOP
    PERFORM set_config('pointsman.tenant', one.tenant, true);
    DELETE FROM idempotency_keys WHERE tenant = one.tenant AND key = ANY (one.keys) AND created_at < least(p_before, now() - interval '7 days');
    GET DIAGNOSTICS deleted_now = ROW_COUNT;
    gone := gone + deleted_now;
  END LOOP;
  RETURN gone;
END $$;

-- Deletes the idempotency keys of old tokens. The tokens themselves are not deleted.
CREATE FUNCTION forget_token_keys(p_before timestamptz, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  deleted_now integer;
BEGIN
  UPDATE tokens SET idempotency_key = NULL WHERE id = ANY (ARRAY(
    SELECT id FROM tokens WHERE created_at < least(p_before, now() - interval '7 days') AND idempotency_key IS NOT NULL ORDER BY created_at LIMIT p_most FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS deleted_now = ROW_COUNT;
  RETURN deleted_now;
END $$;

CREATE FUNCTION forget_audit(p_before timestamptz, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  gone integer := 0;
  deleted_now integer;
  one record;
BEGIN
  FOR one IN
    SELECT a.tenant, array_agg(a.id) AS ids FROM (SELECT tenant, id FROM audit WHERE at < least(p_before, now() - interval '30 days') ORDER BY at LIMIT p_most) a
    GROUP BY a.tenant ORDER BY a.tenant
  LOOP
    PERFORM set_config('pointsman.tenant', one.tenant, true);
    DELETE FROM audit WHERE tenant = one.tenant AND id = ANY (one.ids);
    GET DIAGNOSTICS deleted_now = ROW_COUNT;
    gone := gone + deleted_now;
  END LOOP;
  RETURN gone;
END $$;
