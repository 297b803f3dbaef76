//! Faults in a file with the schema of a table: each is found, and none hides another.

use schema::name::TableName;
use schema::table_schema::parse_file;

fn read(file: &str) -> Result<(), String> {
    let read = parse_file(file.as_bytes(), &TableName::from(["p", "d", "t"]));
    read.map(|_| ()).map_err(|error| error.to_string())
}

fn assert_refused(file: &str, parts: &[&str]) {
    let refusal = read(file).expect_err(file);
    for part in parts {
        assert!(refusal.contains(part), "{file}: {part}: {refusal}");
    }
}

fn of_type(data_type: &str) -> String {
    format!(r#"[{{"name": "a", "type": "{data_type}"}}]"#)
}

#[test]
fn every_fault_of_a_file_is_reported_at_once_with_its_path() {
    let file = r#"{
        "description": 5,
        "timePartitioning": {"type": "DAY", "field": "nowhere"},
        "clustering": {"fields": ["id", "nothing"]},
        "schema": {"fields": [
            {"name": "id", "type": "TEXT", "mode": "MANY"},
            {"name": "ID", "type": "STRING", "maxLength": "x"},
            7,
            {"type": "DATE"},
            {"name": "items", "type": "RECORD", "fields": [
                {"name": "price", "type": "NUMERIC", "precision": "ten"},
                {"name": "price"},
                {"name": "at", "type": "DATE", "type": "TIME"}
            ]}
        ]}}"#;
    assert_refused(
        file,
        &[
            "column items.at, `type` is there twice",
            "`description`: invalid type",
            "column id, `mode`: there is no mode MANY",
            "column id: there is no type TEXT",
            "column ID: there is already a column id",
            "column ID, `maxLength`: expected a whole number, not x",
            "column number 3: expected an object",
            "column number 4: missing field `name`",
            "column items.price, `precision`: expected a whole number, not ten",
            "column items.price: missing field `type`",
            "column items.price: there is already a column items.price",
            "`timePartitioning`, `field`: there is no column nowhere",
            "`clustering`: there is no column nothing",
        ],
    );
}

#[test]
fn a_key_that_is_there_twice_is_a_fault_wherever_it_is() {
    for (file, place) in [
        (
            r#"[{"name": "a", "type": "DATE", "type": "TIME"}]"#,
            "column a, `type`",
        ),
        (
            r#"[{"name": "a", "type": "DATE", "name": "b"}]"#,
            "column b, `name`",
        ),
        (
            r#"{"schema": [], "schema": [{"name": "a", "type": "DATE"}]}"#,
            "`schema`",
        ),
        (
            r#"[{"name": "r", "type": "RECORD", "fields": [{"name": "a", "mode": "REQUIRED", "mode": "NULLABLE", "type": "DATE"}]}]"#,
            "column r.a, `mode`",
        ),
        (
            r#"{"schema": "[{\"name\": \"a\", \"type\": \"DATE\", \"type\": \"DATE\"}]"}"#,
            "column a, `type`",
        ),
    ] {
        assert_refused(file, &[place, "is there twice: remove one"]);
    }
}

#[test]
fn a_partition_a_cluster_or_a_key_names_columns_of_the_table() {
    let table = |rest: &str| {
        format!(
            r#"{{"schema": [{{"name": "Day", "type": "DATE"}}, {{"name": "n", "type": "INT64"}}], {rest}}}"#
        )
    };
    for (rest, place) in [
        (
            r#""timePartitioning": {"type": "DAY", "field": "x"}"#,
            "`timePartitioning`, `field`: there is no column x",
        ),
        (
            r#""rangePartitioning": {"field": "x"}"#,
            "`rangePartitioning`, `field`: there is no column x",
        ),
        (
            r#""clustering": {"fields": ["n", "x"]}"#,
            "`clustering`: there is no column x",
        ),
        (
            r#""clustering": ["x"]"#,
            "`clustering`: there is no column x",
        ),
        (
            r#""tableConstraints": {"primaryKey": {"columns": ["x"]}}"#,
            "`primaryKey`: there is no column x",
        ),
        (
            r#""tableConstraints": {"foreignKeys": [{"referencedTable": {"projectId": "p", "datasetId": "d",
                "tableId": "o"}, "columnReferences": [{"referencingColumn": "x", "referencedColumn": "id"}]}]}"#,
            "`foreignKeys`: there is no column x",
        ),
    ] {
        assert_refused(&table(rest), &[place, "correct it"]);
    }
    for rest in [
        r#""timePartitioning": {"type": "DAY", "field": "day"}, "clustering": {"fields": ["N"]}"#,
        r#""timePartitioning": {"type": "DAY"}"#,
        r#""timePartitioning": {"type": "DAY", "field": "_PARTITIONTIME"}"#,
        r#""rangePartitioning": {"field": "n"}"#,
    ] {
        read(&table(rest)).unwrap();
    }
}

#[test]
fn a_name_has_no_control_character_and_no_invisible_one() {
    for escaped in [
        "a\\u0000b",
        "a\\nb",
        "a\\tb",
        "a\\u007f",
        "\\u0085a",
        "a\\u2028",
        "\\u202ea",
        "a\\u200b",
        "a\\ufeff",
    ] {
        let column = format!(r#"{{"name": "{escaped}", "type": "DATE"}}"#);
        let record = format!(r#"[{{"name": "r", "type": "RECORD", "fields": [{column}]}}]"#);
        for file in [format!("[{column}]"), record] {
            let refusal = read(&file).expect_err(&file);
            assert!(refusal.contains("control character"), "{refusal}");
            assert!(!refusal.chars().any(char::is_control), "{refusal:?}");
        }
    }
    for name in ["이름", "número de orden", "a-b", "x%", "e\u{301}"] {
        read(&format!(r#"[{{"name": "{name}", "type": "DATE"}}]"#)).unwrap();
    }
}

#[test]
fn names_that_differ_only_in_case_or_in_the_encoding_of_an_accent_are_equal() {
    for (one, other) in [
        ("caf\u{e9}", "cafe\u{301}"),
        ("CAF\u{c9}", "cafe\u{301}"),
        ("Id", "iD"),
        ("\u{ac00}", "\u{1100}\u{1161}"),
    ] {
        let columns = format!(
            r#"{{"name": "{one}", "type": "DATE"}}, {{"name": "{other}", "type": "DATE"}}"#
        );
        let record = format!(r#"[{{"name": "r", "type": "RECORD", "fields": [{columns}]}}]"#);
        let in_a_type = of_type(&format!("STRUCT<{one} INT64, {other} DATE>"));
        for file in [format!("[{columns}]"), record, in_a_type] {
            assert_refused(
                &file,
                &["there is already a column", "rename or remove one"],
            );
        }
    }
}

#[test]
fn the_parameters_of_a_type_are_within_the_limits_of_bigquery() {
    for data_type in [
        "NUMERIC(99999999999999,-1)",
        "NUMERIC(39, 9)",
        "NUMERIC(38, 8)",
        "NUMERIC(30)",
        "NUMERIC(10, 10)",
        "NUMERIC(5, 6)",
        "NUMERIC(0)",
        "NUMERIC()",
        "NUMERIC(x)",
        "NUMERIC(1, 2, 3)",
        "decimal(39, 9)",
        "BIGNUMERIC(77, 38)",
        "BIGNUMERIC(39)",
        "BIGNUMERIC(39, 39)",
        "STRING(0)",
        "STRING(-1)",
        "STRING(1, 2)",
        "BYTES(0)",
        "BYTES(99999999999999999999)",
        "ARRAY<NUMERIC(39)>",
        "STRUCT<b STRING(0)>",
    ] {
        assert_refused(&of_type(data_type), &["column a", "correct"]);
    }
    assert_refused(&of_type("DATE(3)"), &["DATE(3)", "remove them"]);
    for (properties, rule) in [
        (
            r#""NUMERIC", "precision": 39, "scale": 9"#,
            "a scale from 0 to 9",
        ),
        (r#""NUMERIC", "precision": "30""#, "a scale from 0 to 9"),
        (
            r#""BIGNUMERIC", "precision": 77, "scale": "38""#,
            "a scale from 0 to 38",
        ),
        (
            r#""STRING", "maxLength": "0""#,
            "the length must be a whole number, 1 or more",
        ),
        (
            r#""BYTES", "maxLength": 0"#,
            "the length must be a whole number, 1 or more",
        ),
    ] {
        let file = format!(r#"[{{"name": "a", "type": {properties}}}]"#);
        assert_refused(&file, &["column a", rule]);
    }
    for data_type in [
        "NUMERIC(38, 9)",
        "NUMERIC(29)",
        "NUMERIC(9, 9)",
        "NUMERIC(1)",
        "BIGNUMERIC(76, 38)",
        "BIGNUMERIC(38)",
        "STRING(1)",
        "BYTES(9223372036854775807)",
    ] {
        read(&of_type(data_type)).unwrap();
    }
}
