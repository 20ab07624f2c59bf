-- How many releases are under way, and how many stand in line behind them, over all tenants: numbers alone, and no tenant's name.

CREATE FUNCTION lines()
RETURNS TABLE (in_flight bigint, in_line bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'waiting')
  FROM releases WHERE status <> 'settled';
$$;

REVOKE ALL ON FUNCTION lines() FROM PUBLIC;

UPDATE schema_version SET level = 15;
