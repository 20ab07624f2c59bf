-- Predicates that decide which steps a release may still take. Triggers that enforce the invariants of the schema, even if a caller has a
-- bug.
--
-- This schema raises the following errors, by SQLSTATE:
-- PM001: a settled release was changed.
-- PM002: a pointer was changed in another way than by its next move.
-- PM003: a move did not follow the previous move.
-- PM004: the target of a move was a release that may not be live.
-- PM005: a closed callback was changed.
-- PM006: an upload was refused. The function that raises this error also catches it.
-- PM007: a quota of bytes was exceeded.
-- PM008: a policy version did not follow the previous version.
-- PM009: a release has no artifact for its channel. The function that raises this error also catches it.
-- PM010: a blob of a source is missing. The function that raises this error also catches it.

-- Whether the outcome of the release is still open: the release has not settled, was not superseded or cancelled, and is not being closed.
CREATE FUNCTION is_undecided(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status <> 'settled' AND NOT p_release.closing AND p_release.intent IS NULL
$$;

-- Whether the release may still take a step that advances it towards moving its pointer. Each such step checks this while it holds the lock
-- of the release's row, because the release may be superseded, cancelled or closed between two steps.
CREATE FUNCTION may_advance(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status = 'running' AND is_undecided(p_release)
$$;

-- Whether stages of the release may still be recorded. This is allowed until the release is closed, even if the release was superseded or
-- cancelled.
CREATE FUNCTION is_recording(p_release releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_release.status = 'running' AND NOT p_release.closing
$$;

-- Whether the release occupies the slot of its pointer. Each pointer has one slot, for one running release. A superseded release has passed
-- its slot to the newer release.
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

-- Rejects every change of a pointer except its next recorded move, which increases the generation by one.
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

-- Rejects a move that does not directly follow the previous move of its pointer and the previous move in its tenant's feed. Also rejects a
-- target that may not be live.
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

-- Rejects a recorded move whose pointer did not change. This is checked at the commit, because the move is inserted before its pointer
-- changes.
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
