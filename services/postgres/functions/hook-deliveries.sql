CREATE FUNCTION delivery_json(p_delivery deliveries) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('delivery', p_delivery.delivery, 'state', p_delivery.state, 'repository', p_delivery.repository, 'ref', p_delivery.ref, 'commit', p_delivery.commit,
    'subject', p_delivery.subject, 'bundle', p_delivery.bundle, 'channel', p_delivery.channel, 'version', p_delivery.version, 'reason', p_delivery.reason,
    'receivedAt', iso(p_delivery.received_at), 'updatedAt', iso(p_delivery.updated_at))
$$;

-- Whether the hook still belongs to the repository of the delivery. The comparison ignores case, as code hosts do, because the spelling of
-- the name may have changed.
CREATE FUNCTION is_for(p_hook hooks, p_delivery deliveries) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT p_hook.provider = p_delivery.provider AND lower(p_hook.repository) = lower(p_delivery.repository)
$$;

-- Whether commit statuses can be posted for the hook. That requires a token, or an API URL if the provider is generic.
CREATE FUNCTION reports_commits(p_hook hooks) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT CASE p_hook.provider WHEN 'generic' THEN p_hook.api_url IS NOT NULL ELSE p_hook.token IS NOT NULL END
$$;

-- Records a hook delivery. Idempotent: each delivery ID is recorded once.
CREATE FUNCTION receive_delivery(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  delivery_row deliveries;
  refusal jsonb := over_quota(p_tenant, 'changesPerDay');
BEGIN
  -- A delivery that is already recorded gets its recorded result, even if the tenant has exceeded its quota.
  PERFORM FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_request->>'hook', p_request->>'delivery');
  IF NOT FOUND AND refusal IS NOT NULL THEN RETURN refusal; END IF;
  INSERT INTO deliveries (tenant, hook, delivery, fingerprint, provider, repository, ref, commit, subject, source_url, pushed_at, path, bundle,
    channel, state, reason, received_at, updated_at)
  VALUES (p_tenant, p_request->>'hook', p_request->>'delivery', p_request->>'fingerprint', p_request->>'provider', p_request->>'repository', p_request->>'ref', p_request->>'commit', p_request->>'subject',
    p_request->>'sourceUrl', (p_request->>'pushedAt')::bigint, p_request->>'path', p_request->>'bundle', p_request->>'channel',
    CASE WHEN p_request->>'ignored' IS NULL THEN 'received' ELSE 'ignored' END, p_request->>'ignored', p_at, p_at)
  ON CONFLICT DO NOTHING RETURNING * INTO delivery_row;
  IF NOT FOUND THEN
    SELECT * INTO STRICT delivery_row FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_request->>'hook', p_request->>'delivery');
    IF delivery_row.fingerprint <> p_request->>'fingerprint' THEN RETURN '{"kind": "key_reused"}'; END IF;
    RETURN jsonb_build_object('kind', 'replayed', 'delivery', delivery_json(delivery_row));
  END IF;
  IF delivery_row.state = 'received' THEN
    INSERT INTO commit_reports (tenant, hook, delivery, kind, created_at)
    SELECT p_tenant, delivery_row.hook, delivery_row.delivery, 'pending', p_at FROM hooks h WHERE (h.tenant, h.hook) = (p_tenant, delivery_row.hook) AND reports_commits(h);
  END IF;
  PERFORM forget_deliveries(p_tenant, delivery_row.hook, p_at - make_interval(secs => (p_request->>'keepMs')::double precision / 1000));
  RETURN jsonb_build_object('kind', 'received', 'delivery', delivery_json(delivery_row));
END $$;

-- Deletes a few expired deliveries of a hook. It runs with each new delivery, so no other process has to delete them.
--
-- For each bundle and channel, the published delivery of the latest push is kept permanently. It is needed to detect an old push that is
-- sent again, even after the idempotency key of the old push has expired.
--
-- Each call examines only the next ten deliveries in order of arrival, so its cost does not grow with the history. When a call reaches
-- deliveries that are too recent to delete, the next call starts again from the oldest delivery.
CREATE FUNCTION forget_deliveries(p_tenant text, p_hook text, p_before timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  examined bigint := coalesce((SELECT examined_seq FROM hooks WHERE (tenant, hook) = (p_tenant, p_hook)), 0);
  next_seqs bigint[];
  gone text[];
BEGIN
  next_seqs := ARRAY(
    SELECT n.seq FROM (
      SELECT seq, received_at FROM deliveries WHERE tenant = p_tenant AND hook = p_hook AND seq > examined ORDER BY seq LIMIT 10) n
    WHERE n.received_at < p_before ORDER BY n.seq);
  -- If fewer than ten deliveries were old enough, the next call starts again from the oldest delivery.
  UPDATE hooks SET examined_seq = coalesce(next_seqs[10], 0)
  WHERE (tenant, hook) = (p_tenant, p_hook) AND examined_seq <> coalesce(next_seqs[10], 0);
  SELECT array_agg(delivery) INTO gone FROM (
    SELECT d.delivery FROM deliveries d
    WHERE d.tenant = p_tenant AND d.hook = p_hook AND d.seq = ANY (next_seqs) AND d.updated_at < p_before AND d.state NOT IN ('received', 'fetching')
      AND NOT EXISTS (SELECT FROM releases r WHERE (r.tenant, r.bundle, r.version) = (d.tenant, d.bundle, d.version) AND r.status <> 'settled')
      AND (d.version IS NULL OR overtaken_by(d) IS NOT NULL)
      AND NOT EXISTS (SELECT FROM commit_reports c WHERE (c.tenant, c.hook, c.delivery) = (d.tenant, d.hook, d.delivery) AND c.state = 'waiting')
    ORDER BY d.seq FOR UPDATE SKIP LOCKED) old;
  DELETE FROM commit_reports WHERE tenant = p_tenant AND hook = p_hook AND delivery = ANY (gone);
  DELETE FROM deliveries WHERE tenant = p_tenant AND hook = p_hook AND delivery = ANY (gone);
END $$;

-- Returns the version of the latest published push to the same hook, bundle and channel if that push is later than this delivery. Otherwise
-- returns null. Deliveries can overtake each other in transit and while their sources are fetched.
CREATE FUNCTION overtaken_by(p_delivery deliveries) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT later.version FROM deliveries later
  WHERE (later.tenant, later.hook, later.bundle, later.channel) = (p_delivery.tenant, p_delivery.hook, p_delivery.bundle, p_delivery.channel) AND later.version IS NOT NULL
    AND (coalesce(later.pushed_at, 0), later.seq) > (coalesce(p_delivery.pushed_at, 0), p_delivery.seq)
  ORDER BY coalesce(later.pushed_at, 0) DESC, later.seq DESC LIMIT 1
$$;

-- Returns the data for fetching the source of a hook delivery, with the settings of its hook. See Opened in
-- services/postgres/hooks/deliveries.ts.
CREATE FUNCTION open_delivery(p_tenant text, p_hook text, p_delivery text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  delivery_row deliveries;
  rule hooks;
  newer bigint;
BEGIN
  SELECT * INTO delivery_row FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery) FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_delivery"}'; END IF;
  IF delivery_row.state NOT IN ('received', 'fetching') THEN RETURN jsonb_build_object('kind', 'ended', 'delivery', delivery_json(delivery_row)); END IF;
  SELECT * INTO rule FROM hooks WHERE (tenant, hook) = (p_tenant, p_hook);
  IF NOT FOUND THEN RETURN '{"kind": "lost", "cause": "hook_deleted"}'; END IF;
  IF NOT is_for(rule, delivery_row) THEN
    RETURN '{"kind": "lost", "cause": "other_repository"}';
  END IF;
  newer := overtaken_by(delivery_row);
  IF newer IS NOT NULL THEN RETURN jsonb_build_object('kind', 'overtaken', 'version', newer); END IF;
  UPDATE deliveries SET state = 'fetching', updated_at = p_at WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery) AND state = 'received';
  RETURN jsonb_build_object('kind', 'open', 'repository', rule.repository, 'ref', delivery_row.ref, 'commit', delivery_row.commit, 'subject', delivery_row.subject,
    'sourceUrl', delivery_row.source_url, 'path', delivery_row.path, 'bundle', delivery_row.bundle, 'channel', delivery_row.channel,
    'createChannel', rule.create_channel AND (rule.bundle, rule.channel) = (delivery_row.bundle, delivery_row.channel), 'provider', rule.provider, 'apiUrl', rule.api_url,
    'token', rule.token, 'onConflict', coalesce(
      (SELECT document->'channels'->delivery_row.channel->>'onConflict' FROM policies WHERE (tenant, version) = (p_tenant, policy_now(p_tenant))), 'supersede'));
END $$;

-- Ends a hook delivery without a release, and schedules a commit status with the reason. Idempotent: a delivery that has ended does not
-- change.
-- @returns the delivery
CREATE FUNCTION end_delivery(p_tenant text, p_hook text, p_delivery text, p_state text, p_reason text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  delivery_row deliveries;
BEGIN
  UPDATE deliveries SET state = p_state, reason = p_reason, updated_at = p_at
  WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery) AND state IN ('received', 'fetching');
  IF FOUND THEN
    INSERT INTO commit_reports (tenant, hook, delivery, kind, outcome, reason, created_at)
    SELECT p_tenant, p_hook, p_delivery, 'final', CASE p_state WHEN 'refused' THEN 'rejected' ELSE 'errored' END, p_reason, p_at
    FROM hooks k WHERE (k.tenant, k.hook) = (p_tenant, p_hook) AND reports_commits(k);
  END IF;
  SELECT * INTO delivery_row FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery);
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN delivery_json(delivery_row);
END $$;

-- Returns the reason why the release of a hook delivery must be refused. Either the delivery has ended, or a later push to the same hook
-- was published. Returns null if the release may be admitted. The Tenant object admits one release at a time, so the result stays valid
-- until this release is admitted.
CREATE FUNCTION origin_refused(p_tenant text, p_origin jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  delivery_row deliveries;
  newer bigint;
BEGIN
  SELECT * INTO delivery_row FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_origin->>'hook', p_origin->>'delivery') FOR NO KEY UPDATE;
  newer := overtaken_by(delivery_row);
  IF delivery_row.state IN ('received', 'fetching') AND newer IS NULL THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('kind', 'overtaken', 'version', newer);
END $$;

CREATE FUNCTION publish_delivery(p_tenant text, p_origin jsonb, p_version bigint, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE deliveries SET state = 'published', version = p_version, updated_at = p_at WHERE (tenant, hook, delivery) = (p_tenant, p_origin->>'hook', p_origin->>'delivery')
$$;

-- The hook deliveries of all tenants that have not ended. A HookDelivery workflow should be running for each of them.

CREATE FUNCTION unended_deliveries(p_older_than timestamptz, p_after_seq bigint, p_most integer)
RETURNS TABLE (tenant text, hook text, delivery text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT d.tenant, d.hook, d.delivery, d.seq FROM deliveries d
  WHERE d.state IN ('received', 'fetching') AND d.updated_at < p_older_than AND d.seq > p_after_seq ORDER BY d.seq LIMIT p_most
$$;
