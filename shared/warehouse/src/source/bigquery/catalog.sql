-- Every table of a dataset in one query, so that it is billed once. Tables with equal columns,
-- descriptions and keys (date shards, above all) come as one row.
with
-- Descriptions, policy tags, collation and rounding, nested ones by their path. What a path does not have
-- is null or the text NULL.
described as (
  select table_name, column_name,
         array_agg(struct(field_path as path, description as text, {policy_tags} as tags,
                          {collation_name} as collated, {rounding_mode} as rounding)
                   order by field_path) as paths
  from `{dataset}`.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS
  where description is not null or {tagged}
     or ifnull({collation_name}, '') not in ('', 'NULL')
     or ifnull({rounding_mode}, '') not in ('', 'NULL')
  group by table_name, column_name
),
-- Columns with their whole type; pseudo columns have no position.
listed as (
  select c.table_name,
         to_json_string(array_agg(
           struct(c.column_name as name, c.data_type as type,
                  c.is_nullable = 'YES' as nullable, {column_default} as filled,
                  d.paths as paths)
           order by c.ordinal_position)) as columns
  from `{dataset}`.INFORMATION_SCHEMA.COLUMNS as c
  left join described as d
    on d.table_name = c.table_name and d.column_name = c.column_name
  where c.ordinal_position is not null
  group by c.table_name
),
-- What a table is for; the value is a quoted literal.
titled as (
  select table_name, any_value(option_value) as description
  from `{dataset}`.INFORMATION_SCHEMA.TABLE_OPTIONS
  where option_name = 'description'
  group by table_name
),
-- Which table a foreign key refers to.
referred as (
  select constraint_name, any_value(table_name) as table_name
  from `{dataset}`.INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE
  group by constraint_name
),
-- Keys; only a foreign key's columns have a position in another.
constrained as (
  select k.table_name, k.constraint_name,
         any_value(r.table_name) as references_table,
         max(k.position_in_unique_constraint) is not null as is_foreign,
         array_agg(struct(k.column_name as name, k.position_in_unique_constraint as position)
                   order by k.ordinal_position) as columns
  from `{dataset}`.INFORMATION_SCHEMA.KEY_COLUMN_USAGE as k
  left join referred as r
    on r.constraint_name = k.constraint_name
  group by k.table_name, k.constraint_name
),
keyed as (
  select table_name,
         to_json_string(array_agg(
           struct(is_foreign as is_foreign, references_table as target, columns as columns)
           order by constraint_name)) as keys
  from constrained
  group by table_name
),
-- The queries of views; those of materialized views are not there.
viewed as (
  {viewed}
)
select listed.columns, titled.description, keyed.keys,
       to_json_string(array_agg(listed.table_name order by listed.table_name)) as tables,
       viewed.query
from listed
left join titled on titled.table_name = listed.table_name
left join keyed on keyed.table_name = listed.table_name
left join viewed on viewed.table_name = listed.table_name
group by listed.columns, titled.description, keyed.keys, viewed.query
