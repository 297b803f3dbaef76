//! Files with the schema of a table, in every form in which programs write them.

use schema::document::{Column, Table};
use schema::name::TableName;
use schema::table_schema::parse_file;

fn read(file: &[u8]) -> Result<Table, String> {
    let name = TableName::from(["p", "d", "t"]);
    let file = parse_file(file, &name).map_err(|error| error.to_string())?;
    Ok(file.resource.into_table(name))
}

fn columns(file: &str) -> Vec<String> {
    let table = read(file.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
    let show = |column: &Column| format!("{} {} {:?}", column.name, column.sql_type(), column.mode);
    table.columns.iter().map(show).collect()
}

fn refusal(file: &str) -> String {
    read(file.as_bytes()).expect_err(file)
}

const FIELDS: &str = r#"[{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING"}]"#;

#[test]
fn every_form_of_a_file_holds_the_same_columns() {
    let expected = columns(FIELDS);
    assert_eq!(expected, ["a INT64 Nullable", "b STRING Nullable"]);
    let quoted = serde_json::to_string(FIELDS).unwrap();
    for file in [
        format!(r#"{{"fields": {FIELDS}}}"#),
        format!(r#"{{"schema": {FIELDS}}}"#),
        format!(r#"{{"schema": {{"fields": {FIELDS}}}}}"#),
        format!(r#"{{"schema": {quoted}}}"#),
        format!(r#"{{"schema": null, "fields": {FIELDS}}}"#),
        quoted.clone(),
    ] {
        assert_eq!(columns(&file), expected, "{file}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = format!("\u{feff}{FIELDS}");
        text.encode_utf16().flat_map(order).collect()
    };
    for file in [
        format!("\u{feff}{FIELDS}").into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ] {
        assert_eq!(read(&file).unwrap().columns.len(), 2);
    }
}

#[test]
fn types_and_modes_are_read_in_any_case_and_by_any_of_their_names() {
    for (data_type, expected) in [
        ("integer", "INT64"),
        ("Int64", "INT64"),
        ("bigint", "INT64"),
        ("Float", "FLOAT64"),
        ("FLOAT64", "FLOAT64"),
        ("boolean", "BOOL"),
        ("Bool", "BOOL"),
        ("string", "STRING"),
        ("decimal", "NUMERIC"),
        ("BigDecimal", "BIGNUMERIC"),
        ("numeric(10, 2)", "NUMERIC(10, 2)"),
        ("array<string>", "ARRAY<STRING>"),
        (
            "Struct<a integer, B array<float>>",
            "STRUCT<a INT64, B ARRAY<FLOAT64>>",
        ),
        ("range<date>", "RANGE<DATE>"),
        ("json", "JSON"),
        ("interval", "INTERVAL"),
    ] {
        let file = format!(r#"[{{"name": "a", "type": "{data_type}"}}]"#);
        let table = read(file.as_bytes()).unwrap();
        assert_eq!(table.columns[0].sql_type(), expected, "{data_type}");
    }
    for (mode, expected) in [
        ("\"required\"", "Required"),
        ("\"Repeated\"", "Repeated"),
        ("\"nullable\"", "Nullable"),
        ("\"\"", "Nullable"),
        ("null", "Nullable"),
    ] {
        let file = format!(r#"[{{"name": "a", "type": "DATE", "mode": {mode}}}]"#);
        assert!(columns(&file)[0].ends_with(expected), "{mode}");
    }
    let nested = r#"[{"name": "a", "type": "struct", "mode": "repeated", "fields": [
        {"name": "b", "type": "range", "rangeElementType": {"type": "date"}}]}]"#;
    assert_eq!(columns(nested), ["a ARRAY<STRUCT<b RANGE<DATE>>> Repeated"]);
}

#[test]
fn numbers_are_read_as_numbers_and_as_text() {
    for (number, length) in [("10", "2"), ("\"10\"", "\"2\""), ("\" 10 \"", "2")] {
        let file = format!(
            r#"[{{"name": "n", "type": "NUMERIC", "precision": {number}, "scale": {length}}},
                {{"name": "s", "type": "STRING", "maxLength": {number}}}]"#
        );
        assert_eq!(
            columns(&file),
            ["n NUMERIC(10, 2) Nullable", "s STRING(10) Nullable"]
        );
        let file = format!(
            r#"{{"numRows": {number}, "numBytes": {length}, "schema": {FIELDS}, "type": "table",
                "requirePartitionFilter": "true", "timePartitioning": {{"type": "day"}}}}"#
        );
        let table = read(file.as_bytes()).unwrap();
        assert_eq!((table.rows, table.bytes), (Some(10), Some(2)));
        assert!(table.require_partition_filter);
        assert_eq!(table.partitioning.unwrap().unit, "DAY");
    }
}

#[test]
fn null_is_the_same_as_absent() {
    let bare = read(FIELDS.as_bytes()).unwrap();
    let field = |name: &str, data_type: &str| {
        format!(
            r#"{{"name": "{name}", "type": "{data_type}", "mode": null, "fields": null,
                "description": null, "policyTags": {{"names": null}}, "maxLength": null,
                "precision": null, "scale": null, "rangeElementType": null, "collation": null,
                "defaultValueExpression": null, "roundingMode": null}}"#
        )
    };
    let file = format!(
        r#"{{"schema": {{"fields": [{}, {}]}}, "type": null, "description": null, "numRows": null,
            "numBytes": null, "timePartitioning": null, "rangePartitioning": null,
            "clustering": {{"fields": null}}, "requirePartitionFilter": null,
            "externalDataConfiguration": null, "tableConstraints":
            {{"primaryKey": {{"columns": null}}, "foreignKeys": null}}, "tableReference": null}}"#,
        field("a", "INTEGER"),
        field("b", "STRING"),
    );
    assert_eq!(read(file.as_bytes()).unwrap(), bare);
}

#[test]
fn each_fault_names_its_column_and_says_what_to_do() {
    let column = |column: &str| format!("[{column}]");
    let of = |data_type: &str| column(&format!(r#"{{"name": "a", "type": "{data_type}"}}"#));
    let nested =
        |field: &str| format!(r#"[{{"name": "items", "type": "RECORD", "fields": [{field}]}}]"#);
    for (file, place, fix) in [
        (
            column(r#"{"name": "Id", "type": "DATE"}, {"name": "id", "type": "DATE"}"#),
            "column id: there is already a column Id",
            "rename or remove one",
        ),
        (
            nested(r#"{"name": "É", "type": "DATE"}, {"name": "é", "type": "DATE"}"#),
            "column items.é: there is already a column items.É",
            "rename or remove one",
        ),
        (
            column(r#"{"name": "a", "type": "DATE"}, {"name": " ", "type": "DATE"}"#),
            "column 2 has an empty name",
            "give it a name",
        ),
        (
            nested(r#"{"name": "", "type": "DATE"}"#),
            "column 1 of items has an empty name",
            "give it a name",
        ),
        (
            of("varchar"),
            "column a: there is no type VARCHAR",
            "STRING",
        ),
        (
            of("ARRAY<FOO>"),
            "column a: there is no type FOO",
            "use one of",
        ),
        (
            of("RANGE<INT64>"),
            "column a: there is no type RANGE<INT64>",
            "use one of",
        ),
        (
            of("RECORD"),
            "column a: a RECORD needs `fields`",
            "add them",
        ),
        (of("RANGE"), "column a: a RANGE needs", "add it"),
        (
            column(r#"{"name": "a", "type": "DATE", "fields": [{"name": "b", "type": "DATE"}]}"#),
            "column a: a DATE has no `fields`",
            "make it a RECORD",
        ),
        (
            column(r#"{"name": "a", "type": "DATE", "mode": "MANY"}"#),
            "column a, `mode`: there is no mode MANY",
            "use NULLABLE",
        ),
        (
            nested(r#"{"name": "a", "type": "NUMERIC", "precision": "ten"}"#),
            "column items.a, `precision`: expected a whole number, not ten",
            "bq show",
        ),
        (
            nested(r#"{"name": "a", "type": "NUMERIC", "precision": -1}"#),
            "expected a whole number, not -1",
            "correct it",
        ),
        (
            column(r#"{"name": "a", "type": "NUMERIC", "scale": 2}"#),
            "column a: a `scale` needs a `precision`",
            "add it",
        ),
        (
            column(r#"{"name": "a", "type": "INT64", "maxLength": 2}"#),
            "column a: only STRING and BYTES",
            "remove it",
        ),
        (
            column(r#"{"name": "a", "type": "INT64", "precision": 2}"#),
            "column a: only NUMERIC and BIGNUMERIC",
            "remove them",
        ),
        (
            column(r#"{"name": "a"}"#),
            "column a: missing field `type`",
            "correct it",
        ),
        (
            column(r#"{"type": "DATE"}"#),
            "number 1: missing field `name`",
            "correct it",
        ),
        (
            column(r#"{"name": 5, "type": "DATE"}"#),
            "`name`",
            "correct it",
        ),
        (column("7"), "number 1", "correct it"),
        (
            format!(r#"[{{"name": "{}", "type": "DATE"}}]"#, "x".repeat(301)),
            "more than 300 characters",
            "shorten it",
        ),
        (
            format!(r#"{{"type": "MODEL", "schema": {FIELDS}}}"#),
            "a machine-learning model",
            "remove it",
        ),
        (String::new(), "it is empty", "bq show"),
        ("[]".into(), "it has no columns", "bq show"),
        ("{}".into(), "it has no columns", "bq show"),
        (
            "7".into(),
            "neither a list of columns nor a table",
            "bq show",
        ),
        ("[{\"name\": \"a\",\n}]".into(), "invalid JSON", "line 2"),
        (
            "[{\"name\": \"a\"".into(),
            "invalid JSON: EOF",
            "correct it",
        ),
        ("// a\n[]".into(), "invalid JSON", "line 1"),
    ] {
        let refusal = refusal(&file);
        assert!(refusal.contains(place), "{file}: {refusal}");
        assert!(refusal.contains(fix), "{file}: {refusal}");
    }
}

#[test]
fn a_bad_byte_is_named_by_its_position() {
    for (file, fault) in [
        (&b"[{\"name\": \"\xff\"}]"[..], "byte 11 is not valid UTF-8"),
        (&b"\xef\xbb\xbf[\xff"[..], "byte 4 is not valid UTF-8"),
        (&b"\xff\xfe\x00\xd8"[..], "not valid UTF-16"),
        (&b"\xff\xfe[\x00]\x00\x00"[..], "not valid UTF-16"),
        (&b"\xfe\xff\x00"[..], "not valid UTF-16"),
    ] {
        let refusal = read(file).unwrap_err();
        assert!(refusal.contains(fault), "{refusal}");
        assert!(refusal.contains("save it as UTF-8"), "{refusal}");
    }
}

#[test]
fn records_nest_as_deeply_as_in_bigquery() {
    let nested = |levels: usize| {
        let open = r#"[{"name": "a", "type": "RECORD", "fields": "#.repeat(levels);
        let close = "}]".repeat(levels);
        format!(r#"{open}[{{"name": "a", "type": "DATE"}}]{close}"#)
    };
    assert!(read(nested(15).as_bytes()).is_ok());
    assert!(refusal(&nested(16)).contains("at most 15 records"));
    assert!(refusal(&nested(10_000)).contains("at most 15 records"));
}

#[test]
fn only_the_first_faults_of_a_file_are_listed() {
    let field = |n: usize| format!(r#"{{"name": "c{n}", "type": "FOO"}}"#);
    let fields: Vec<String> = (0..29).map(field).collect();
    let refusal = refusal(&format!("[{}]", fields.join(",")));
    assert!(refusal.contains("column c19"), "{refusal}");
    assert!(!refusal.contains("column c20"), "{refusal}");
    assert!(refusal.ends_with("; and 9 more"), "{refusal}");
    assert_eq!(refusal.matches("use one of").count(), 1, "{refusal}");
}

#[test]
fn the_query_of_a_view_is_read_and_that_of_a_table_is_none() {
    for (properties, expected) in [
        (
            r#""type": "VIEW", "view": {"query": "select 1 as a;\n", "useLegacySql": false}"#,
            Some("select 1 as a"),
        ),
        (
            r#""type": "MATERIALIZED_VIEW", "materializedView": {"query": "select 2 as a"}"#,
            Some("select 2 as a"),
        ),
        (
            r#""view": [{"query": "select 3 as a", "use_legacy_sql": false}]"#,
            Some("select 3 as a"),
        ),
        (
            r#""materialized_view": [{"query": "select 4 as a"}]"#,
            Some("select 4 as a"),
        ),
        (r#""type": "VIEW", "view": {"query": " "}"#, None),
        (r#""type": "VIEW", "view": null"#, None),
        (
            r#""type": "TABLE", "view": {"query": "select 5 as a"}"#,
            None,
        ),
        (r#""type": "VIEW", "view": []"#, None),
    ] {
        let file = format!(r#"{{"schema": {{"fields": {FIELDS}}}, {properties}}}"#);
        let table = read(file.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        let sql = table.definition.as_ref().map(|it| it.sql.as_str());
        assert_eq!(sql, expected, "{file}");
    }
}

#[test]
fn a_column_has_no_name_that_bigquery_reserves_or_refuses() {
    let of = |name: &str| {
        let field = serde_json::json!({"name": name, "type": "INT64"});
        let nested = serde_json::json!([{"name": "items", "type": "RECORD", "fields": [&field]}]);
        let typed = serde_json::json!([{"name": "items", "type": format!("STRUCT<{name} INT64>")}]);
        (
            serde_json::json!([field]).to_string(),
            nested.to_string(),
            typed.to_string(),
        )
    };
    for (name, prefix) in [
        ("_TABLE_foo", "_TABLE_"),
        ("_table_suffix", "_TABLE_"),
        ("_FILE_x", "_FILE_"),
        ("_PARTITIONTIME", "_PARTITION"),
        ("_partition", "_PARTITION"),
        ("_ROW_TIMESTAMP", "_ROW_TIMESTAMP"),
        ("__root__a", "__ROOT__"),
        ("_ColIdentifier_1", "_COLIDENTIFIER"),
    ] {
        let (top, nested, typed) = of(name);
        for file in [top, nested, typed] {
            let refusal = refusal(&file);
            let expected = format!("reserves names that begin with {prefix}: rename");
            assert!(refusal.contains(&expected), "{file}: {refusal}");
        }
    }
    for sign in "!\"$()*,./;?@[\\]^`{}~€😀・".chars() {
        let (top, nested, _) = of(&format!("a{sign}b"));
        for file in [top, nested] {
            let refusal = refusal(&file);
            let expected = format!("allows no {sign} in the name of a column: rename it");
            assert!(refusal.contains(&expected), "{file}: {refusal}");
        }
    }
    for name in [
        "a b",
        "a-b",
        "a&b",
        "50%",
        "a=b",
        "a+b",
        "a:b",
        "it's",
        "<a>",
        "#",
        "a|b",
        "_TABLE",
        "_FILE",
        "_PART",
        "table_x",
        "größe",
        "ग्राहक",
        "お客様",
        "e\u{301}tage",
        "数量＿合計",
    ] {
        let (top, nested, _) = of(name);
        assert_eq!(columns(&top).len(), 1, "{name}");
        assert_eq!(columns(&nested).len(), 1, "{name}");
    }
}

#[test]
fn a_table_is_partitioned_and_clustered_by_columns_of_the_types_that_bigquery_allows() {
    let file = |key: &str, data_type: &str, mode: &str| {
        let field = r#"{"field": "a"}"#;
        let by = match key {
            "clustering" => r#"{"fields": ["A"]}"#,
            _ => field,
        };
        format!(
            r#"{{"schema": [{{"name": "a", "type": "{data_type}", "mode": "{mode}"}}], "{key}": {by}}}"#
        )
    };
    for (key, data_type, expected) in [
        (
            "timePartitioning",
            "STRING",
            "is a STRING: name a column of one of the types DATE, DATETIME, TIMESTAMP",
        ),
        ("timePartitioning", "INTEGER", "is a INT64: name"),
        ("timePartitioning", "TIME", "is a TIME: name"),
        ("time_partitioning", "STRING(10)", "is a STRING: name"),
        (
            "rangePartitioning",
            "STRING",
            "is a STRING: name a column of one of the types INT64",
        ),
        ("rangePartitioning", "DATE", "is a DATE: name"),
        (
            "clustering",
            "FLOAT",
            "is a FLOAT64: name a column of one of the types BIGNUMERIC",
        ),
        ("clustering", "JSON", "is a JSON: name"),
        ("clustering", "BYTES", "is a BYTES: name"),
    ] {
        let refusal = refusal(&file(key, data_type, "NULLABLE"));
        assert!(
            refusal.contains(&format!("column a {expected}")),
            "{key} {data_type}: {refusal}"
        );
    }
    for (key, data_type) in [
        ("timePartitioning", "DATE"),
        ("timePartitioning", "timestamp"),
        ("timePartitioning", "DATETIME"),
        ("rangePartitioning", "INTEGER"),
        ("clustering", "STRING(10)"),
        ("clustering", "DECIMAL"),
        ("clustering", "BOOLEAN"),
        ("clustering", "RANGE<DATE>"),
    ] {
        assert_eq!(
            columns(&file(key, data_type, "REQUIRED")).len(),
            1,
            "{key} {data_type}"
        );
        let refusal = refusal(&file(key, data_type, "REPEATED"));
        assert!(
            refusal.contains("column a is repeated: name another column"),
            "{refusal}"
        );
    }
}
