-- Functions that convert times: between a timestamp, the ISO form of the API, and milliseconds since 1970.

CREATE FUNCTION from_epoch_ms(p_epoch_ms jsonb) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT to_timestamp((p_epoch_ms #>> '{}')::double precision / 1000)
$$;

-- Converts a duration from a policy (`90s`, `2h`) to an interval: see packages/protocol/time/duration.ts.
CREATE FUNCTION span(p_written text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT make_interval(secs => left(p_written, -1)::integer * CASE right(p_written, 1) WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 ELSE 86400 END)
$$;

CREATE FUNCTION epoch_ms(p_at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT round(extract(epoch FROM p_at) * 1000)::bigint $$;

CREATE FUNCTION utc_day() RETURNS date LANGUAGE sql STABLE AS $$
  SELECT (now() AT TIME ZONE 'UTC')::date
$$;

CREATE FUNCTION iso(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
