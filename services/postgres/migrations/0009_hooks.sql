-- Pushes that a provider delivers, and what their commits are told.

CREATE DOMAIN hook_provider AS text CHECK (VALUE IN ('github', 'gitlab', 'generic'));
CREATE DOMAIN delivery_state AS text CHECK (VALUE IN ('received', 'fetching', 'published', 'refused', 'ignored', 'failed'));
CREATE DOMAIN report_kind AS text CHECK (VALUE IN ('pending', 'final'));
-- 'skipped': something later speaks for the commit.
CREATE DOMAIN report_state AS text CHECK (VALUE IN ('waiting', 'done', 'failed', 'skipped'));

CREATE TABLE hooks (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  provider hook_provider NOT NULL,
  repository text NOT NULL,
  -- A ref, or the beginning of one and '*'.
  ref text NOT NULL,
  -- The folder that is the source; null for the whole repository.
  path text,
  bundle identifier NOT NULL,
  channel identifier NOT NULL,
  -- Null for the provider's own.
  api_url text,
  -- Both sealed: see services/secrets.
  secret text NOT NULL,
  token text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, hook)
);

-- What was delivered, without the payload. A row outlives its hook: what was published once is not published again by a new hook of that
-- name. Ninety days after it has ended it is forgotten.
CREATE TABLE deliveries (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  delivery text NOT NULL,
  -- The order of arrival.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- Digest of the payload.
  fingerprint text NOT NULL,
  provider hook_provider NOT NULL,
  -- As the payload says; null where it says nothing of the kind.
  repository text,
  ref text,
  commit text,
  subject text,
  source_url text,
  -- Epoch seconds; null where the provider does not say when.
  pushed_at bigint,
  -- As the rule was then.
  path text,
  bundle identifier NOT NULL,
  channel identifier NOT NULL,
  state delivery_state NOT NULL,
  version bigint,
  reason text,
  received_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, hook, delivery),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((state = 'published') = (version IS NOT NULL)),
  CHECK ((state IN ('refused', 'ignored', 'failed')) = (reason IS NOT NULL)),
  CHECK (state = 'ignored' OR (repository IS NOT NULL AND ref IS NOT NULL AND commit IS NOT NULL))
);
CREATE UNIQUE INDEX deliveries_in_order ON deliveries (tenant, hook, seq);
CREATE INDEX deliveries_open ON deliveries (seq) WHERE state IN ('received', 'fetching');

-- What a commit is to be told: written in the transaction that makes it true, and told by a Reporter.
CREATE TABLE commit_reports (
  tenant text NOT NULL,
  hook text NOT NULL,
  delivery text NOT NULL,
  kind report_kind NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- The last word; null while there is none.
  outcome release_outcome,
  reason text,
  version bigint,
  state report_state NOT NULL DEFAULT 'waiting',
  detail text,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (tenant, hook, delivery, kind),
  FOREIGN KEY (tenant, hook, delivery) REFERENCES deliveries,
  CHECK ((kind = 'final') = (outcome IS NOT NULL)),
  CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX commit_reports_waiting ON commit_reports (seq) WHERE state = 'waiting';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['hooks', 'deliveries', 'commit_reports'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant = current_setting(''pointsman.tenant'', true))', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['deliveries', 'commit_reports'] LOOP
    EXECUTE format('CREATE POLICY across_tenants ON %I FOR SELECT TO CURRENT_USER USING (true)', name);
  END LOOP;
END $$;

-- Null leaves a secret or a token as it is: nobody who changes a rule has to know them. But a token that is kept is told to nobody new.
CREATE FUNCTION put_hook(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  h hooks;
  answer jsonb;
  token_kept boolean := q->>'token' IS NULL AND NOT (q->>'dropToken')::boolean;
BEGIN
  PERFORM FROM tenants WHERE tenant = t;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO h FROM hooks WHERE (tenant, hook) = (t, q->>'hook') FOR UPDATE;
  IF NOT FOUND AND (SELECT count(*) FROM hooks WHERE tenant = t) >= (q->>'most')::integer THEN RETURN '{"kind": "too_many"}'; END IF;
  IF h.hook IS NULL AND q->>'secret' IS NULL THEN RETURN '{"kind": "secret_needed"}'; END IF;
  IF token_kept AND h.token IS NOT NULL
     AND (h.provider, h.api_url) IS DISTINCT FROM (q->>'provider', q->>'apiUrl') THEN RETURN '{"kind": "token_needed"}'; END IF;
  INSERT INTO hooks (tenant, hook, provider, repository, ref, path, bundle, channel, api_url, secret, token, created_by, created_at, updated_by, updated_at)
  VALUES (t, q->>'hook', q->>'provider', q->>'repository', q->>'ref', q->>'path', q->>'bundle', q->>'channel', q->>'apiUrl',
    coalesce(q->>'secret', h.secret), CASE WHEN token_kept THEN h.token ELSE q->>'token' END, q->>'by', at, q->>'by', at)
  ON CONFLICT (tenant, hook) DO UPDATE SET provider = EXCLUDED.provider, repository = EXCLUDED.repository, ref = EXCLUDED.ref,
    path = EXCLUDED.path, bundle = EXCLUDED.bundle, channel = EXCLUDED.channel, api_url = EXCLUDED.api_url, secret = EXCLUDED.secret,
    token = EXCLUDED.token, updated_by = EXCLUDED.updated_by, updated_at = EXCLUDED.updated_at;
  answer := jsonb_build_object('kind', 'saved', 'created', h.hook IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM note(t, at, q->>'by', 'set hook', q - '{secret,token,idempotencyKey,fingerprint,most,dropToken,by}'::text[]
    || jsonb_build_object('newSecret', q->>'secret' IS NOT NULL, 'newToken', NOT token_kept));
  RETURN answer;
END $$;

-- What it has delivered stays on record. Its commits are told nothing more: what could tell them is gone.
CREATE FUNCTION delete_hook(t text, h text, who text, request text, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM hooks WHERE (tenant, hook) = (t, h);
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM note(t, at, who, 'delete hook', jsonb_build_object('hook', h, 'requestId', request));
  RETURN true;
END $$;

CREATE FUNCTION delivery_json(d deliveries) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('delivery', d.delivery, 'state', d.state, 'repository', d.repository, 'ref', d.ref, 'commit', d.commit,
    'subject', d.subject, 'bundle', d.bundle, 'channel', d.channel, 'version', d.version, 'reason', d.reason,
    'receivedAt', iso(d.received_at), 'updatedAt', iso(d.updated_at))
$$;

-- Whether the rule is still for the repository of that delivery. Its spelling may have changed: the code hosts know no case.
CREATE FUNCTION is_for(h hooks, d deliveries) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT h.provider = d.provider AND lower(h.repository) = lower(d.repository)
$$;

-- Whether the hook's commits can be told anything: everybody may read a public repository, and nobody write to one.
CREATE FUNCTION tells_commits(h hooks) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT CASE h.provider WHEN 'generic' THEN h.api_url IS NOT NULL ELSE h.token IS NOT NULL END
$$;

-- Puts a delivery on record, once for its id.
CREATE FUNCTION receive_delivery(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  d deliveries;
BEGIN
  INSERT INTO deliveries (tenant, hook, delivery, fingerprint, provider, repository, ref, commit, subject, source_url, pushed_at, path, bundle,
    channel, state, reason, received_at, updated_at)
  VALUES (t, q->>'hook', q->>'delivery', q->>'fingerprint', q->>'provider', q->>'repository', q->>'ref', q->>'commit', q->>'subject',
    q->>'sourceUrl', (q->>'pushedAt')::bigint, q->>'path', q->>'bundle', q->>'channel',
    CASE WHEN q->>'ignored' IS NULL THEN 'received' ELSE 'ignored' END, q->>'ignored', at, at)
  ON CONFLICT DO NOTHING RETURNING * INTO d;
  IF NOT FOUND THEN
    SELECT * INTO STRICT d FROM deliveries WHERE (tenant, hook, delivery) = (t, q->>'hook', q->>'delivery');
    IF d.fingerprint <> q->>'fingerprint' THEN RETURN '{"kind": "key_reused"}'; END IF;
    RETURN jsonb_build_object('kind', 'replayed', 'delivery', delivery_json(d));
  END IF;
  IF d.state = 'received' THEN
    INSERT INTO commit_reports (tenant, hook, delivery, kind, created_at)
    SELECT t, d.hook, d.delivery, 'pending', at FROM hooks h WHERE (h.tenant, h.hook) = (t, d.hook) AND tells_commits(h);
  END IF;
  PERFORM forget_deliveries(t, d.hook, at - make_interval(secs => (q->>'keepMs')::double precision / 1000));
  RETURN jsonb_build_object('kind', 'received', 'delivery', delivery_json(d));
END $$;

-- Each delivery that comes takes a few with it whose time is over, so that nothing else has to. What it has set off keeps its key: were the
-- provider to deliver it once more even so, it would find the release that it made.
CREATE FUNCTION forget_deliveries(t text, h text, before timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone text[];
BEGIN
  SELECT array_agg(delivery) INTO gone FROM (
    SELECT d.delivery FROM deliveries d
    WHERE d.tenant = t AND d.hook = h AND d.updated_at < before AND d.state NOT IN ('received', 'fetching')
      AND NOT EXISTS (SELECT FROM releases r WHERE (r.tenant, r.bundle, r.version) = (d.tenant, d.bundle, d.version) AND r.status <> 'settled')
      AND NOT EXISTS (SELECT FROM commit_reports c WHERE (c.tenant, c.hook, c.delivery) = (d.tenant, d.hook, d.delivery) AND c.state = 'waiting')
    ORDER BY d.seq LIMIT 10 FOR UPDATE SKIP LOCKED) old;
  DELETE FROM commit_reports WHERE tenant = t AND hook = h AND delivery = ANY (gone);
  DELETE FROM deliveries WHERE tenant = t AND hook = h AND delivery = ANY (gone);
END $$;

-- The newest release that a later push of the same hook has made: deliveries overtake each other, on their way to us and in being fetched.
CREATE FUNCTION overtaken_by(d deliveries) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT max(later.version) FROM deliveries later
  WHERE (later.tenant, later.hook, later.bundle, later.channel) = (d.tenant, d.hook, d.bundle, d.channel) AND later.version IS NOT NULL
    AND (coalesce(later.pushed_at, 0), later.seq) > (coalesce(d.pushed_at, 0), d.seq)
$$;

-- What has to be fetched, and by what rule. See DeliveryBoard in handlers/hook-deps.ts.
CREATE FUNCTION open_delivery(t text, h text, which text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  d deliveries;
  rule hooks;
  newer bigint;
BEGIN
  SELECT * INTO d FROM deliveries WHERE (tenant, hook, delivery) = (t, h, which) FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_delivery"}'; END IF;
  IF d.state NOT IN ('received', 'fetching') THEN RETURN jsonb_build_object('kind', 'ended', 'delivery', delivery_json(d)); END IF;
  SELECT * INTO rule FROM hooks WHERE (tenant, hook) = (t, h);
  IF NOT FOUND THEN RETURN '{"kind": "refused", "reason": "the hook was deleted"}'; END IF;
  IF NOT is_for(rule, d) THEN
    RETURN '{"kind": "refused", "reason": "the hook is for another repository now"}';
  END IF;
  newer := overtaken_by(d);
  IF newer IS NOT NULL THEN RETURN jsonb_build_object('kind', 'refused', 'reason', format('a later push has come before it, as v%s', newer)); END IF;
  UPDATE deliveries SET state = 'fetching', updated_at = at WHERE (tenant, hook, delivery) = (t, h, which) AND state = 'received';
  RETURN jsonb_build_object('kind', 'open', 'repository', rule.repository, 'ref', d.ref, 'commit', d.commit, 'subject', d.subject,
    'sourceUrl', d.source_url, 'path', d.path, 'bundle', d.bundle, 'channel', d.channel, 'provider', rule.provider, 'apiUrl', rule.api_url,
    'token', rule.token, 'onConflict', coalesce(
      (SELECT document->'channels'->d.channel->>'onConflict' FROM policies WHERE (tenant, version) = (t, policy_now(t))), 'supersede'));
END $$;

-- The delivery ends without a release, and its commit hears why. Said twice, or too late, it changes nothing. @returns how it has ended
CREATE FUNCTION end_delivery(t text, h text, which text, how text, why text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  d deliveries;
BEGIN
  UPDATE deliveries SET state = how, reason = why, updated_at = at
  WHERE (tenant, hook, delivery) = (t, h, which) AND state IN ('received', 'fetching');
  IF FOUND THEN
    INSERT INTO commit_reports (tenant, hook, delivery, kind, outcome, reason, created_at)
    SELECT t, h, which, 'final', CASE how WHEN 'refused' THEN 'rejected' ELSE 'errored' END, why, at
    FROM hooks k WHERE (k.tenant, k.hook) = (t, h) AND tells_commits(k);
  END IF;
  SELECT * INTO d FROM deliveries WHERE (tenant, hook, delivery) = (t, h, which);
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN delivery_json(d);
END $$;

-- The delivery becomes a release, in the transaction that admits it; null when it may. Else the answer of `admit`: the delivery has ended, or
-- a later push of the same hook is there already. The tenant's object admits one at a time, so that none comes in between.
CREATE FUNCTION origin_refused(t text, origin jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  d deliveries;
  newer bigint;
BEGIN
  SELECT * INTO d FROM deliveries WHERE (tenant, hook, delivery) = (t, origin->>'hook', origin->>'delivery') FOR NO KEY UPDATE;
  newer := overtaken_by(d);
  IF d.state IN ('received', 'fetching') AND newer IS NULL THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('kind', 'overtaken', 'version', newer);
END $$;

CREATE FUNCTION publish_delivery(t text, origin jsonb, v bigint, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE deliveries SET state = 'published', version = v, updated_at = at WHERE (tenant, hook, delivery) = (t, origin->>'hook', origin->>'delivery')
$$;

-- A release's last word, for the commit that it came from, in the transaction that says it.
CREATE FUNCTION tell_commit(r releases, how text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF r.origin IS NULL THEN RETURN; END IF;
  INSERT INTO commit_reports (tenant, hook, delivery, kind, outcome, reason, version, created_at)
  SELECT r.tenant, h.hook, d.delivery, 'final', how, why, r.version, at
  FROM deliveries d JOIN hooks h USING (tenant, hook)
  WHERE (d.tenant, d.hook, d.delivery) = (r.tenant, r.origin->>'hook', r.origin->>'delivery') AND tells_commits(h)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM put_effect(r.tenant, r.bundle, r.version, 'commit-status', 'begun',
    format('%s@%s', r.origin->>'repository', r.origin->>'commit'), at);
END $$;

-- What the delivery's commit is to be told next; null for nothing. What a later word speaks for is skipped: of the same delivery, or of a later
-- one of the same commit under the same name.
CREATE FUNCTION next_report(t text, h text, which text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  d deliveries;
  rule hooks;
  c commit_reports;
BEGIN
  SELECT * INTO d FROM deliveries WHERE (tenant, hook, delivery) = (t, h, which);
  SELECT * INTO rule FROM hooks WHERE (tenant, hook) = (t, h);
  FOR c IN SELECT * FROM commit_reports WHERE (tenant, hook, delivery) = (t, h, which) AND state = 'waiting' ORDER BY kind = 'final' LOOP
    IF rule.hook IS NULL THEN
      PERFORM end_report(c, 'failed', 'the hook was deleted', at);
    ELSIF NOT is_for(rule, d) THEN
      PERFORM end_report(c, 'failed', 'the hook is for another repository now', at);
    ELSIF c.kind = 'pending' AND EXISTS (
      SELECT FROM commit_reports f WHERE (f.tenant, f.hook, f.delivery, f.kind) = (t, h, which, 'final')) THEN
      PERFORM end_report(c, 'skipped', 'the last word was there first', at);
    ELSIF EXISTS (
      SELECT FROM deliveries later JOIN commit_reports l USING (tenant, hook, delivery)
      WHERE (later.tenant, later.hook, later.commit, later.bundle, later.channel) = (t, h, d.commit, d.bundle, d.channel) AND later.seq > d.seq) THEN
      PERFORM end_report(c, 'skipped', 'a later delivery of this commit speaks for it', at);
    ELSE
      RETURN jsonb_build_object('kind', c.kind, 'outcome', c.outcome);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

-- All that has to be known to tell it; null when nobody can any more.
CREATE FUNCTION find_report(t text, h text, which text, of_kind text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('outcome', c.outcome, 'reason', c.reason, 'version', c.version, 'repository', k.repository, 'ref', d.ref,
    'commit', d.commit, 'bundle', d.bundle, 'channel', d.channel, 'provider', k.provider, 'apiUrl', k.api_url, 'token', k.token)
  FROM commit_reports c JOIN deliveries d USING (tenant, hook, delivery) JOIN hooks k USING (tenant, hook)
  WHERE (c.tenant, c.hook, c.delivery, c.kind) = (t, h, which, of_kind) AND is_for(k, d)
$$;

-- The ledger of the release says the same.
CREATE FUNCTION end_report(c commit_reports, how text, what text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  r releases;
BEGIN
  UPDATE commit_reports SET state = how, detail = what, ended_at = at
  WHERE (tenant, hook, delivery, kind) = (c.tenant, c.hook, c.delivery, c.kind) AND state = 'waiting';
  IF NOT FOUND OR c.version IS NULL THEN RETURN; END IF;
  SELECT s.* INTO r FROM releases s JOIN deliveries d USING (tenant, bundle)
  WHERE (d.tenant, d.hook, d.delivery) = (c.tenant, c.hook, c.delivery) AND s.version = c.version;
  PERFORM put_effect(r.tenant, r.bundle, r.version, 'commit-status', CASE how WHEN 'done' THEN 'done' ELSE 'failed' END,
    format('%s@%s: %s', r.origin->>'repository', r.origin->>'commit', what), at);
END $$;

CREATE FUNCTION record_report(t text, h text, which text, of_kind text, how text, what text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c commit_reports;
BEGIN
  SELECT * INTO c FROM commit_reports WHERE (tenant, hook, delivery, kind) = (t, h, which, of_kind);
  IF FOUND THEN PERFORM end_report(c, how, what, at); END IF;
END $$;

-- What looks across tenants: deliveries and reports that somebody should be busy with.

CREATE FUNCTION unended_deliveries(older_than timestamptz, after_seq bigint, most integer)
RETURNS TABLE (tenant text, hook text, delivery text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT d.tenant, d.hook, d.delivery, d.seq FROM deliveries d
  WHERE d.state IN ('received', 'fetching') AND d.updated_at < older_than AND d.seq > after_seq ORDER BY d.seq LIMIT most
$$;

CREATE FUNCTION waiting_reports(after_seq bigint, most integer)
RETURNS TABLE (tenant text, hook text, delivery text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT c.tenant, c.hook, c.delivery, c.seq FROM commit_reports c WHERE c.state = 'waiting' AND c.seq > after_seq ORDER BY c.seq LIMIT most
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 9, oldest_process = 9;
