-- The quotas of tenants and their usage. Every transaction locks the row of tenant_usage last. A transaction that holds this lock therefore
-- waits for nothing except its own commit.

-- The returned values must equal quotaDefaults in core/limits/storage-limits.ts, which gives the reasons. A test compares them.
CREATE FUNCTION quota_default(p_quota text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_quota
    WHEN 'bytes' THEN 10737418240
    WHEN 'bundles' THEN 1000
    WHEN 'releasesInFlight' THEN 1000
    WHEN 'changesPerDay' THEN 100000
    WHEN 'policyVersions' THEN 1000
    WHEN 'followers' THEN 50000
    WHEN 'tokens' THEN 1000
    WHEN 'hooks' THEN 200
    WHEN 'sinks' THEN 20 END
$$;

CREATE FUNCTION quota_limit(p_tenant text, p_quota text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT q.most FROM quotas q WHERE (q.tenant, q.quota) = (p_tenant, p_quota)), quota_default(p_quota))
$$;

-- The counters of a tenant. `changes` counts the changes of the current day.
CREATE FUNCTION usage_today(p_tenant text) RETURNS TABLE (bytes bigint, changes bigint, followers bigint) LANGUAGE sql STABLE AS $$
  SELECT u.bytes, CASE WHEN u.day = utc_day() THEN u.changes ELSE 0 END, u.followers FROM tenant_usage u WHERE u.tenant = p_tenant
$$;

-- Runs with the owner's rights, because the database role of the application can't read tokens. Counts only the rows of this tenant,
-- because the caller has set the tenant of the transaction. Each quota has its own statement: a single one with all the subqueries took 25 µs
-- longer, because PostgreSQL prepares all of them for each call.
CREATE FUNCTION quota_used(p_tenant text, p_quota text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  CASE p_quota
    WHEN 'bytes' THEN RETURN (SELECT bytes FROM usage_today(p_tenant));
    WHEN 'bundles' THEN RETURN (SELECT count(*) FROM bundles b WHERE b.tenant = p_tenant);
    WHEN 'releasesInFlight' THEN RETURN (SELECT count(*) FROM releases r WHERE r.tenant = p_tenant AND r.status <> 'settled');
    WHEN 'changesPerDay' THEN RETURN (SELECT changes FROM usage_today(p_tenant));
    WHEN 'policyVersions' THEN RETURN policy_now(p_tenant);
    WHEN 'followers' THEN RETURN (SELECT followers FROM usage_today(p_tenant));
    WHEN 'tokens' THEN RETURN (SELECT count(*) FROM tokens t WHERE coalesce(t.tenant, '') = coalesce(p_tenant, '') AND t.revoked_at IS NULL);
    WHEN 'hooks' THEN RETURN (SELECT count(*) FROM hooks h WHERE h.tenant = p_tenant);
    WHEN 'sinks' THEN RETURN (SELECT count(*) FROM sinks s WHERE s.tenant = p_tenant AND s.kind = 'webhook');
  END CASE;
END $$;

-- Null if the quota has room for at least one more unit. Otherwise the quota with its usage and limit: see QuotaExceeded in
-- packages/protocol/quota.ts.
CREATE FUNCTION over_quota(p_tenant text, p_quota text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  used bigint := quota_used(p_tenant, p_quota);
  most bigint := quota_limit(p_tenant, p_quota);
BEGIN
  IF used < most THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('kind', 'quota_exceeded', 'quota', p_quota, 'used', used, 'limit', most);
END $$;

-- The quota that a new release of the bundle would exceed; null if there is room. The files of the release are already stored and counted.
-- A tenant that has used all its bytes is refused as well. Otherwise the diagnostics of the release, which are never refused, would exceed
-- the quota.
CREATE FUNCTION publish_over_quota(p_tenant text, p_bundle text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  refusal jsonb;
BEGIN
  -- A tenant whose quotas were never changed, and that has room: this is almost every publish, and needs only one statement.
  PERFORM FROM usage_today(p_tenant) u
  WHERE u.bytes < quota_default('bytes') AND u.changes < quota_default('changesPerDay')
    AND (SELECT count(*) FROM releases r WHERE r.tenant = p_tenant AND r.status <> 'settled') < quota_default('releasesInFlight')
    AND NOT EXISTS (SELECT FROM quotas q WHERE q.tenant = p_tenant)
    AND EXISTS (SELECT FROM bundles b WHERE (b.tenant, b.bundle) = (p_tenant, p_bundle));
  IF FOUND THEN RETURN NULL; END IF;
  refusal := coalesce(over_quota(p_tenant, 'releasesInFlight'), over_quota(p_tenant, 'changesPerDay'), over_quota(p_tenant, 'bytes'));
  IF refusal IS NOT NULL OR EXISTS (SELECT FROM bundles WHERE (tenant, bundle) = (p_tenant, p_bundle)) THEN RETURN refusal; END IF;
  RETURN over_quota(p_tenant, 'bundles');
END $$;

-- Serializes the requests that add to a counted quota, so that two requests can't both take the last free unit. A transaction must take
-- this lock before all other locks. Two tenants whose names have the same hash wait for each other, but only for milliseconds.
CREATE FUNCTION lock_counts(p_tenant text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(7400002, hashtext(coalesce(p_tenant, '')))
$$;

-- Adds to the number of bytes that a tenant stores. Raises PM007 if the quota is exceeded, which rolls back the transaction. If p_refuse is
-- false, the bytes are only counted, because data of a running release is never refused. Callers must call this function last, because
-- tenant_usage is the last lock of every transaction.
CREATE FUNCTION charge_bytes(p_tenant text, p_bytes bigint, p_refuse boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
DECLARE
  most bigint;
  now_used bigint;
BEGIN
  IF p_bytes = 0 THEN RETURN; END IF;
  -- The limit is read here and not by quota_limit, because this function runs as another role than the other callers of quota_limit.
  -- PostgreSQL keeps one plan of a function's statement, and makes it again when the role has changed.
  UPDATE tenant_usage u SET bytes = greatest(u.bytes + p_bytes, 0) WHERE u.tenant = p_tenant
  RETURNING u.bytes, coalesce((SELECT q.most FROM quotas q WHERE (q.tenant, q.quota) = (p_tenant, 'bytes')), quota_default('bytes'))
  INTO STRICT now_used, most;
  IF p_bytes < 0 OR NOT p_refuse THEN RETURN; END IF;
  IF now_used > most THEN
    RAISE EXCEPTION 'the quota of bytes is exceeded' USING ERRCODE = 'PM007',
      DETAIL = jsonb_build_object('quota', 'bytes', 'used', now_used - p_bytes, 'limit', most, 'asked', p_bytes);
  END IF;
END $$;

CREATE FUNCTION open_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  INSERT INTO tenant_usage (tenant) VALUES (NEW.tenant);
  RETURN NULL;
END $$;
CREATE TRIGGER usage_is_counted AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION open_usage();

-- Counts a change towards the tenant's quota of changes per day. The trigger is deferred to the commit, because tenant_usage is the last
-- lock of every transaction.
CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  UPDATE tenant_usage u SET changes = CASE WHEN u.day = utc_day() THEN u.changes ELSE 0 END + 1, day = utc_day() WHERE u.tenant = NEW.tenant;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER changes_are_counted AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_change();
CREATE CONSTRAINT TRIGGER changes_are_counted AFTER INSERT ON deliveries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_change();

CREATE FUNCTION count_follower() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
BEGIN
  UPDATE tenant_usage u SET followers = greatest(u.followers + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END, 0)
  WHERE u.tenant = coalesce(NEW.tenant, OLD.tenant);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER followers_are_counted AFTER INSERT OR DELETE ON followers DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_follower();

-- Returns every quota with its usage, in the order of QuotaName in packages/protocol/quota.ts. Returns null for an unknown tenant.
CREATE FUNCTION read_quotas(p_tenant text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_agg(jsonb_build_object('quota', n.quota, 'used', quota_used(p_tenant, n.quota), 'limit', quota_limit(p_tenant, n.quota),
    'default', quota_default(n.quota)) ORDER BY n.i)
  FROM unnest('{bytes,bundles,releasesInFlight,changesPerDay,policyVersions,followers,tokens,hooks,sinks}'::text[]) WITH ORDINALITY AS n (quota, i)
  WHERE EXISTS (SELECT FROM tenants t WHERE t.tenant = p_tenant)
$$;

-- Sets the quotas that the request names, once per idempotency key. The value null restores the default. If a quota is below the current
-- usage, additions are refused but nothing is deleted.
CREATE FUNCTION set_quotas(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb;
BEGIN
  PERFORM lock_counts(p_tenant);
  PERFORM FROM tenants WHERE tenant = p_tenant;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  DELETE FROM quotas q USING jsonb_each_text(p_request->'quotas') n WHERE (q.tenant, q.quota) = (p_tenant, n.key) AND n.value IS NULL;
  INSERT INTO quotas (tenant, quota, most, set_by, set_at)
  SELECT p_tenant, n.key, n.value::bigint, p_request->>'by', p_at FROM jsonb_each_text(p_request->'quotas') n WHERE n.value IS NOT NULL
  ON CONFLICT (tenant, quota) DO UPDATE SET most = EXCLUDED.most, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at;
  answer := '{"kind": "set", "replayed": false}';
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RAISE EXCEPTION 'another request has just used the idempotency key' USING ERRCODE = '40001'; END IF;
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'set quotas', (p_request->'quotas') || jsonb_build_object('requestId', p_request->>'requestId'));
  RETURN answer;
END $$;

-- The number of bytes that all tenants together store.
CREATE FUNCTION stored_bytes() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT coalesce(sum(bytes), 0)::bigint FROM tenant_usage
$$;
