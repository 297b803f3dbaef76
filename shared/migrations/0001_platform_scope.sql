-- platform: what row-level security policies are made of

-- A transaction names the rows that it may see in the setting `app.<kind>`: one name per line, or `*` for all.
-- Without the setting both functions fail. A policy selects them, so that each is evaluated once per statement:
--
--     using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]))
create schema app;

create function app.sees_all(kind text) returns boolean
language sql stable parallel safe
as $$ select current_setting('app.' || kind) = '*' $$;

create function app.names(kind text) returns text[]
language sql stable parallel safe
as $$ select string_to_array(current_setting('app.' || kind), e'\n') $$;
