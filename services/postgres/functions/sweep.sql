-- Functions that read the data of all tenants. Each function returns only the data that its callers need.

CREATE FUNCTION in_flight(p_older_than timestamptz, p_after_at timestamptz, p_after_key text, p_most integer)
RETURNS TABLE (tenant text, bundle text, channel text, version bigint, source text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT r.tenant, r.bundle, r.channel, r.version, r.source, r.created_at FROM releases r
  WHERE r.status <> 'settled' AND r.created_at < p_older_than
    AND (r.created_at, format('%s/%s/v%s', r.tenant, r.bundle, r.version)) > (p_after_at, p_after_key)
    -- Excludes a queued release while another release of its pointer is in flight.
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

-- The health of all stored data. `dangling` is the number of pointers whose artifact is missing, which should always be 0. `in_flight` is
-- the number of releases that have not settled. `oldest` is the time at which the oldest of them was admitted.
CREATE FUNCTION health()
RETURNS TABLE (dangling bigint, in_flight bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT
    (SELECT count(*) FROM pointers p
     WHERE p.digest IS NOT NULL AND NOT EXISTS (SELECT FROM artifacts a WHERE (a.tenant, a.digest) = (p.tenant, p.digest))),
    (SELECT count(*) FROM releases r WHERE r.status <> 'settled'),
    (SELECT min(r.created_at) FROM releases r WHERE r.status <> 'settled')
$$;

-- The number of running and of queued releases of all tenants.

CREATE FUNCTION lines()
RETURNS TABLE (in_flight bigint, in_line bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'queued')
  FROM releases WHERE status <> 'settled';
$$;
