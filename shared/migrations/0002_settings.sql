-- settings: how each robeing is set up, a JSON object a category
create schema robeing;

-- Whether `at time zone` takes it. Of those that look like one, the server knows which there are.
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
comment on column robeing.settings.user_revision is 'counts the changes of its category, and never goes back: what was cached or asked for under an older one can be told';

alter table robeing.settings enable row level security;
alter table robeing.settings force row level security;
create policy scope on robeing.settings using (
    (select current_setting('app.robeings')) = '*'
    or robeing_id = any ((select string_to_array(current_setting('app.robeings'), e'\n'))::text[]));

-- RFC 7396: null takes a member out, an object goes into the object that is there, all else replaces.
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

-- Heard by every process that keeps settings in memory, at the commit.
create function robeing.tell_settings() returns trigger
language plpgsql as $$
begin
    perform pg_notify('robeing_settings', coalesce(new.robeing_id, old.robeing_id));
    return null;
end $$;
create trigger tell after insert or update or delete on robeing.settings
for each row execute function robeing.tell_settings();
