-- Which steps a release may still take, defined once, and the invariants that the database enforces against bugs in the code above it.
--
-- Errors of this schema, by SQLSTATE:
-- PM001 a settled release is changed.
-- PM002 a pointer changes other than by its next move.
-- PM003 a move does not follow the one before it.
-- PM004 a move refers to a release that may not be live.
-- PM005 a closed callback is changed.
-- PM006 an upload is refused. Caught where it is raised.
-- PM007 a quota of bytes is exceeded.
-- PM008 a policy version does not follow the one before it.
-- PM009 a release has no artifact for its channel. Caught where it is raised.

-- Nothing has decided yet how the release ends: it has not moved its pointer, was not superseded or cancelled, and is not being closed.
CREATE FUNCTION is_undecided(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status <> 'settled' AND NOT p_release.closing AND p_release.intent IS NULL AND p_release.generation IS NULL
$$;

-- The release may still take a step towards its pointer. Each such step checks this under the lock of the release's row, because the
-- release may be superseded, cancelled or closed between two steps.
CREATE FUNCTION may_advance(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status = 'running' AND is_undecided(p_release)
$$;

-- Stages may still be recorded, even for a superseded or cancelled release, until the release is closed.
CREATE FUNCTION is_recording(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status = 'running' AND NOT p_release.closing
$$;

-- The release occupies its pointer's slot for a running release. A superseded release has given the slot to the newer one.
CREATE FUNCTION is_in_flight(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status = 'running' AND p_release.superseded_by IS NULL
$$;

CREATE FUNCTION guard_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'release %/%/v% has settled as %', OLD.tenant, OLD.bundle, OLD.version, OLD.outcome USING ERRCODE = 'PM001';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER settled_is_final BEFORE UPDATE ON releases FOR EACH ROW WHEN (OLD.status = 'settled') EXECUTE FUNCTION guard_settled();

-- A pointer changes only to the target of its next move, one generation at a time.
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

-- A move follows the one before it in the history of its pointer and in the feed of its tenant, and refers to a release that may be live.
CREATE FUNCTION guard_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  previous record;
  release releases;
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
    RAISE EXCEPTION 'number % of the feed of % does not follow the one before', NEW.seq, NEW.tenant USING ERRCODE = 'PM003';
  END IF;
  SELECT * INTO release FROM releases
  WHERE (tenant, bundle, version) = (NEW.tenant, NEW.bundle, NEW.to_version);
  IF (CASE NEW.kind
    WHEN 'publish' THEN may_advance(release)
    ELSE release.status = 'settled' AND release.outcome = 'published'
  END) IS NOT TRUE THEN
    RAISE EXCEPTION 'release %/%/v% may not be live', NEW.tenant, NEW.bundle, NEW.to_version USING ERRCODE = 'PM004';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER history_is_linear BEFORE INSERT ON moves FOR EACH ROW EXECUTE FUNCTION guard_history();

-- Checked at the commit, because the move is inserted before its pointer changes: each recorded move has moved its pointer.
CREATE FUNCTION guard_move_is_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM pointers p
  WHERE (p.tenant, p.bundle, p.channel) = (NEW.tenant, NEW.bundle, NEW.channel) AND p.generation >= NEW.generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'move % of %/%/% was recorded, but its pointer did not move', NEW.generation, NEW.tenant, NEW.bundle, NEW.channel USING ERRCODE = 'PM003';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER move_is_made AFTER INSERT ON moves DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION guard_move_is_made();
