-- Functions that read across tenants. They return no more than their callers need.

CREATE FUNCTION in_flight(p_older_than timestamptz, p_after_at timestamptz, p_after_key text, p_most integer)
RETURNS TABLE (tenant text, bundle text, channel text, version bigint, source text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT r.tenant, r.bundle, r.channel, r.version, r.source, r.created_at FROM releases r
  WHERE r.status <> 'settled' AND r.created_at < p_older_than
    AND (r.created_at, format('%s/%s/v%s', r.tenant, r.bundle, r.version)) > (p_after_at, p_after_key)
    -- A queued release needs no attention while another release of its pointer is in flight.
    AND (r.status = 'running' OR NOT EXISTS (
      SELECT FROM releases f
      WHERE (f.tenant, f.bundle, f.channel) = (r.tenant, r.bundle, r.channel) AND is_in_flight(f)))
  ORDER BY r.created_at, format('%s/%s/v%s', r.tenant, r.bundle, r.version) LIMIT p_most
$$;

CREATE FUNCTION list_tenants(p_after text, p_most integer)
RETURNS TABLE (tenant text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.tenant, t.created_at FROM tenants t WHERE t.tenant > p_after ORDER BY t.tenant LIMIT p_most
$$;

-- The health of the whole record: how many pointers lack their artifact (always 0), how many releases are not settled, and since when the
-- oldest of them is.
CREATE FUNCTION health()
RETURNS TABLE (dangling bigint, in_flight bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT
    (SELECT count(*) FROM pointers p
     WHERE p.digest IS NOT NULL AND NOT EXISTS (SELECT FROM artifacts a WHERE (a.tenant, a.digest) = (p.tenant, p.digest))),
    (SELECT count(*) FROM releases r WHERE r.status <> 'settled'),
    (SELECT min(r.created_at) FROM releases r WHERE r.status <> 'settled')
$$;

-- The number of running and of queued releases over all tenants, without tenants' names.

CREATE FUNCTION lines()
RETURNS TABLE (in_flight bigint, in_line bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'queued')
  FROM releases WHERE status <> 'settled';
$$;
