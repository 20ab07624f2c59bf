-- The promises, held by the database against any bug above it.

CREATE FUNCTION guard_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'release %/%/v% has its last word: %', OLD.tenant, OLD.bundle, OLD.version, OLD.outcome USING ERRCODE = 'PM001';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER settled_is_final BEFORE UPDATE ON releases FOR EACH ROW WHEN (OLD.status = 'settled') EXECUTE FUNCTION guard_settled();

-- A pointer goes where its next move says, one step at a time.
CREATE FUNCTION guard_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.generation, NEW.version, NEW.digest) IS NOT DISTINCT FROM (OLD.generation, OLD.version, OLD.digest) THEN RETURN NEW; END IF;
  PERFORM FROM moves m
  WHERE (m.tenant, m.bundle, m.channel, m.generation) = (NEW.tenant, NEW.bundle, NEW.channel, NEW.generation)
    AND (m.to_version, m.to_digest) = (NEW.version, NEW.digest);
  IF NOT FOUND OR NEW.generation <> OLD.generation + 1 THEN
    RAISE EXCEPTION 'pointer %/%/% cannot go from generation % to %', OLD.tenant, OLD.bundle, OLD.channel, OLD.generation, NEW.generation
      USING ERRCODE = 'PM002';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER generation_rises_by_one BEFORE UPDATE ON pointers FOR EACH ROW EXECUTE FUNCTION guard_generation();

CREATE FUNCTION guard_first_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.generation <> 0 THEN RAISE EXCEPTION 'a pointer begins at generation 0' USING ERRCODE = 'PM002'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER generation_begins_at_0 BEFORE INSERT ON pointers FOR EACH ROW EXECUTE FUNCTION guard_first_generation();

-- A move follows the one before it in its pointer's history and in its tenant's feed, and names a release that may be live.
CREATE FUNCTION guard_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  previous record;
  r record;
BEGIN
  SELECT m.to_version, m.to_digest INTO previous FROM moves m
  WHERE (m.tenant, m.bundle, m.channel, m.generation) = (NEW.tenant, NEW.bundle, NEW.channel, NEW.generation - 1);
  IF (NOT FOUND AND NEW.generation <> 1)
     OR (NEW.from_version, NEW.from_digest) IS DISTINCT FROM (previous.to_version, previous.to_digest) THEN
    RAISE EXCEPTION 'move % of %/%/% does not follow the one before', NEW.generation, NEW.tenant, NEW.bundle, NEW.channel
      USING ERRCODE = 'PM003';
  END IF;
  PERFORM FROM moves m WHERE (m.tenant, m.seq) = (NEW.tenant, NEW.seq - 1);
  IF NOT FOUND AND NEW.seq <> 1 THEN
    RAISE EXCEPTION 'number % of the feed of % has none before it', NEW.seq, NEW.tenant USING ERRCODE = 'PM003';
  END IF;
  SELECT status, outcome, closing, intent INTO r FROM releases
  WHERE (tenant, bundle, version) = (NEW.tenant, NEW.bundle, NEW.to_version);
  IF (CASE NEW.kind
    WHEN 'publish' THEN r.status = 'running' AND NOT r.closing AND r.intent IS NULL
    ELSE r.status = 'settled' AND r.outcome = 'published'
  END) IS NOT TRUE THEN
    RAISE EXCEPTION 'release %/%/v% may not be live', NEW.tenant, NEW.bundle, NEW.to_version USING ERRCODE = 'PM004';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER history_is_linear BEFORE INSERT ON moves FOR EACH ROW EXECUTE FUNCTION guard_history();

-- At the commit, so that a move may be written before its pointer: no move without its pointer having gone there.
CREATE FUNCTION guard_move_is_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM pointers p
  WHERE (p.tenant, p.bundle, p.channel) = (NEW.tenant, NEW.bundle, NEW.channel) AND p.generation >= NEW.generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'move % of %/%/% was written and not made', NEW.generation, NEW.tenant, NEW.bundle, NEW.channel USING ERRCODE = 'PM003';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER move_is_made AFTER INSERT ON moves DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION guard_move_is_made();

-- Row-level security: without a tenant set for the transaction there are no rows. Forced, so that the owner of the tables is no
-- exception; the functions below, which run as the owner, may look across tenants and change nothing. (A later migration that
-- changes rows as an owner who is no superuser has to lift the force while it does.)
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
              WHERE c.relnamespace = 'pointsman'::regnamespace AND c.relkind = 'r' AND c.relname <> 'tokens' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant = current_setting(''pointsman.tenant'', true))', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['tenants', 'releases', 'pointers', 'artifacts'] LOOP
    EXECUTE format('CREATE POLICY across_tenants ON %I FOR SELECT TO CURRENT_USER USING (true)', name);
  END LOOP;
  ALTER TABLE tokens ENABLE ROW LEVEL SECURITY;
END $$;

-- What looks across tenants, and no more than it must.

CREATE FUNCTION in_flight(older_than timestamptz, after_at timestamptz, after_key text, most integer)
RETURNS TABLE (tenant text, bundle text, channel text, version bigint, source text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT r.tenant, r.bundle, r.channel, r.version, r.source, r.created_at FROM releases r
  WHERE r.status <> 'settled' AND r.created_at < older_than
    AND (r.created_at, format('%s/%s/v%s', r.tenant, r.bundle, r.version)) > (after_at, after_key)
    -- One that waits in line is as it should be, as long as somebody is in front of it.
    AND (r.status = 'running' OR NOT EXISTS (
      SELECT FROM releases f
      WHERE (f.tenant, f.bundle, f.channel) = (r.tenant, r.bundle, r.channel) AND f.status = 'running'
        AND f.superseded_by IS NULL))
  ORDER BY r.created_at, format('%s/%s/v%s', r.tenant, r.bundle, r.version) LIMIT most
$$;

CREATE FUNCTION list_tenants(after text, most integer)
RETURNS TABLE (tenant text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.tenant, t.created_at FROM tenants t WHERE t.tenant > after ORDER BY t.tenant LIMIT most
$$;

-- Of the whole record: how many pointers name something that is not there (never any), and what is under way since when.
CREATE FUNCTION health()
RETURNS TABLE (dangling bigint, in_flight bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT
    (SELECT count(*) FROM pointers p
     WHERE p.digest IS NOT NULL AND NOT EXISTS (SELECT FROM artifacts a WHERE (a.tenant, a.digest) = (p.tenant, p.digest))),
    (SELECT count(*) FROM releases r WHERE r.status <> 'settled'),
    (SELECT min(r.created_at) FROM releases r WHERE r.status <> 'settled')
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;
