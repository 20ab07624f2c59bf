-- A release that settles as unchanged revokes its open callbacks with this cause.
ALTER DOMAIN revocation DROP CONSTRAINT revocation_check;
ALTER DOMAIN revocation ADD CONSTRAINT revocation_check
  CHECK (VALUE IN ('given_up', 'not_requested', 'no_response', 'release_closed', 'release_published', 'release_unchanged'));
UPDATE schema_version SET level = 2;
