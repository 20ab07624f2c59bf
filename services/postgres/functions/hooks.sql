-- Creates or replaces a hook. If the secret or the token is null, the current one is kept, so the caller does not have to know it. If the
-- provider or the API URL changes, the caller must pass the token again. Otherwise a stored token could be sent to another service.
CREATE FUNCTION put_hook(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  hook_row hooks;
  answer jsonb;
  token_kept boolean := p_request->>'token' IS NULL AND NOT (p_request->>'dropToken')::boolean;
BEGIN
  PERFORM lock_counts(p_tenant);
  PERFORM FROM tenants WHERE tenant = p_tenant;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  answer := channel_refusal(p_tenant, p_request->>'bundle', p_request->>'channel', (p_request->>'createChannel')::boolean, NULL);
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO hook_row FROM hooks WHERE (tenant, hook) = (p_tenant, p_request->>'hook') FOR UPDATE;
  answer := coalesce(CASE WHEN NOT FOUND THEN over_quota(p_tenant, 'hooks') END, over_quota(p_tenant, 'changesPerDay'));
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF hook_row.hook IS NULL AND p_request->>'secret' IS NULL THEN RETURN '{"kind": "secret_needed"}'; END IF;
  IF token_kept AND hook_row.token IS NOT NULL
     AND (hook_row.provider, hook_row.api_url) IS DISTINCT FROM (p_request->>'provider', p_request->>'apiUrl') THEN RETURN '{"kind": "token_needed"}'; END IF;
  INSERT INTO hooks (tenant, hook, provider, repository, ref, path, bundle, channel, create_channel, api_url, secret, token, created_by, created_at, updated_by, updated_at)
  VALUES (p_tenant, p_request->>'hook', p_request->>'provider', p_request->>'repository', p_request->>'ref', p_request->>'path', p_request->>'bundle', p_request->>'channel', (p_request->>'createChannel')::boolean, p_request->>'apiUrl',
    coalesce(p_request->>'secret', hook_row.secret), CASE WHEN token_kept THEN hook_row.token ELSE p_request->>'token' END, p_request->>'by', p_at, p_request->>'by', p_at)
  ON CONFLICT (tenant, hook) DO UPDATE SET provider = EXCLUDED.provider, repository = EXCLUDED.repository, ref = EXCLUDED.ref,
    path = EXCLUDED.path, bundle = EXCLUDED.bundle, channel = EXCLUDED.channel, create_channel = EXCLUDED.create_channel, api_url = EXCLUDED.api_url, secret = EXCLUDED.secret,
    token = EXCLUDED.token, updated_by = EXCLUDED.updated_by, updated_at = EXCLUDED.updated_at;
  answer := jsonb_build_object('kind', 'saved', 'created', hook_row.hook IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'set hook', p_request - '{secret,token,idempotencyKey,fingerprint,dropToken,by}'::text[]
    || jsonb_build_object('newSecret', p_request->>'secret' IS NOT NULL, 'newToken', NOT token_kept));
  RETURN answer;
END $$;

-- Deletes a hook, but not its recorded deliveries. Its waiting commit statuses are never sent, because its settings and its token are
-- deleted.
CREATE FUNCTION delete_hook(p_tenant text, p_hook text, p_by text, p_request_id text, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM hooks WHERE (tenant, hook) = (p_tenant, p_hook);
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM audit(p_tenant, p_at, p_by, 'delete hook', jsonb_build_object('hook', p_hook, 'requestId', p_request_id));
  RETURN true;
END $$;
