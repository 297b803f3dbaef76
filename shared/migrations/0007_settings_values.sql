-- settings: the settings of each robeing, one JSON object per category
create schema robeing;

-- Whether the server accepts the name in `at time zone`.
create function robeing.is_timezone(name text) returns boolean
language plpgsql stable as $$
begin
    perform now() at time zone name;
    return true;
exception when invalid_parameter_value then
    return false;
end $$;

create table robeing.settings (
    id uuid primary key,
    robeing_id varchar(100) not null unique,
    user_preference jsonb not null default '{}',
    system_settings jsonb not null default '{}',
    skill_settings jsonb not null default '{}',
    user_revision bigint not null default 0,
    system_revision bigint not null default 0,
    skill_revision bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint category_is_too_large check (
        octet_length(user_preference::text) <= 262144
        and octet_length(system_settings::text) <= 262144
        and octet_length(skill_settings::text) <= 262144),
    constraint timezone_is_unknown check (
        not user_preference ? 'timezone' or robeing.is_timezone(user_preference ->> 'timezone'))
);
comment on column robeing.settings.user_revision is 'the number of changes of the category, which never decreases: a cached or conditional revision that is lower is out of date';
alter table robeing.settings enable row level security, force row level security;
create policy scope on robeing.settings
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- JSON Merge Patch (RFC 7396): null removes a member, an object is merged, any other value replaces the old one.
create function robeing.merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable as $$
declare
    name text;
    part jsonb;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    if target is null or jsonb_typeof(target) <> 'object' then
        target := '{}';
    end if;
    for name, part in select * from jsonb_each(patch) loop
        if jsonb_typeof(part) = 'null' then
            target := target - name;
        else
            target := target || jsonb_build_object(name, robeing.merge_patch(target -> name, part));
        end if;
    end loop;
    return target;
end $$;

-- Notifies each process that caches settings, when the change is committed.
create function robeing.notify_settings() returns trigger
language plpgsql as $$
begin
    perform pg_notify('robeing_settings', coalesce(new.robeing_id, old.robeing_id));
    return null;
end $$;
create trigger notify after insert or update or delete on robeing.settings
for each row execute function robeing.notify_settings();
