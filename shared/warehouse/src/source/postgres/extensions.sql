-- The extensions of the database with their types, functions and operators. An immutable function only
-- computes from its arguments; of the other functions, those listed here do.
select
    extension.extname::text as name,
    schema.nspname::text as schema,
    array (
        select type.typname::text
        from pg_depend as member
        join pg_type as type on type.oid = member.objid
        where member.classid = 'pg_type'::regclass
          and member.refclassid = 'pg_extension'::regclass
          and member.refobjid = extension.oid
          and member.deptype = 'e'
          and type.typtype in ('b', 'd', 'e', 'r', 'm')
          and type.typelem = 0
        order by type.typname
    ) as types,
    array (
        select distinct function.proname::text
        from pg_depend as member
        join pg_proc as function on function.oid = member.objid
        where member.classid = 'pg_proc'::regclass
          and member.refclassid = 'pg_extension'::regclass
          and member.refobjid = extension.oid
          and member.deptype = 'e'
          and (
              function.provolatile = 'i'
              or function.prokind in ('a', 'w')
              or function.proname = any (array[
                  'gen_random_bytes', 'gen_random_uuid', 'gen_salt', 'populate_record', 'unaccent',
                  'uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4'
              ])
          )
          and function.prorettype <> all (
              array['internal', 'cstring', 'trigger', 'event_trigger', 'void']::regtype[]
          )
          and not function.proargtypes::oid[] && array['internal', 'cstring']::regtype[]::oid[]
        order by function.proname::text
    ) as functions,
    array (
        select distinct operator.oprname::text
        from pg_depend as member
        join pg_operator as operator on operator.oid = member.objid
        where member.classid = 'pg_operator'::regclass
          and member.refclassid = 'pg_extension'::regclass
          and member.refobjid = extension.oid
          and member.deptype = 'e'
        order by operator.oprname::text
    ) as operators
from pg_extension as extension
join pg_namespace as schema on schema.oid = extension.extnamespace
-- These reach files, other servers or the tables of this one. Some of their functions are marked as immutable
-- although they read tables that a text names.
where extension.extname not in (
    'address_standardizer', 'address_standardizer_data_us', 'adminpack', 'dblink', 'file_fdw', 'lo', 'pgrouting',
    'postgis_tiger_geocoder', 'postgis_topology', 'postgres_fdw', 'tablefunc', 'xml2'
)
  and has_schema_privilege(schema.oid, 'usage')
order by extension.extname
