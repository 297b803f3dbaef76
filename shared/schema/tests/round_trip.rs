//! Nothing is lost between a warehouse's schema, the cache, and the schema again.

use proptest::prelude::*;
use schema::document::{Column, Mode};
use schema::sql_type::parse_column;
use schema::table_schema::{PolicyTags, RangeElementType, TableField};

fn leaf() -> impl Strategy<Value = TableField> {
    let data_type = prop_oneof![
        Just("STRING"),
        Just("INTEGER"),
        Just("FLOAT"),
        Just("BOOLEAN"),
        Just("BYTES"),
        Just("DATE"),
        Just("TIMESTAMP"),
        Just("GEOGRAPHY"),
        Just("JSON"),
        Just("NUMERIC"),
        Just("BIGNUMERIC"),
        Just("RANGE"),
    ];
    let tags = proptest::collection::vec("projects/p/[a-z]{1,5}", 0..2);
    (
        name(),
        data_type,
        mode(),
        description(),
        tags,
        1..300_u32,
        any::<bool>(),
    )
        .prop_map(|(name, data_type, mode, description, tags, size, sized)| {
            let number = || sized.then(|| size.to_string());
            let decimal = matches!(data_type, "NUMERIC" | "BIGNUMERIC");
            TableField {
                name,
                data_type: data_type.to_owned(),
                mode: Some(mode),
                description,
                policy_tags: (!tags.is_empty()).then_some(PolicyTags { names: tags }),
                max_length: matches!(data_type, "STRING" | "BYTES")
                    .then(number)
                    .flatten(),
                precision: decimal.then(number).flatten(),
                scale: (decimal && sized && size % 2 == 0).then(|| "2".to_owned()),
                range_element_type: (data_type == "RANGE").then(|| RangeElementType {
                    data_type: "DATE".to_owned(),
                }),
                ..TableField::default()
            }
        })
}

fn field() -> impl Strategy<Value = TableField> {
    leaf().prop_recursive(5, 60, 6, |inner| {
        (
            name(),
            mode(),
            description(),
            proptest::collection::vec(inner, 1..6),
        )
            .prop_map(|(name, mode, description, fields)| TableField {
                name,
                data_type: "RECORD".to_owned(),
                mode: Some(mode),
                description,
                fields,
                ..TableField::default()
            })
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_가-힣][a-zA-Z0-9_가-힣]{0,12}"
}

fn description() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-z가-힣\"`\n]{1,5}x")
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Nullable),
        Just(Mode::Required),
        Just(Mode::Repeated)
    ]
}

fn without_facts_that_no_type_tells(columns: &[Column]) -> Vec<Column> {
    let strip = |column: &Column| Column {
        description: None,
        description_source: None,
        policy_tags: Vec::new(),
        mode: if column.mode == Mode::Required {
            Mode::Nullable
        } else {
            column.mode
        },
        fields: without_facts_that_no_type_tells(&column.fields),
        ..column.clone()
    };
    columns.iter().map(strip).collect()
}

proptest! {
    #[test]
    fn a_schema_survives_the_cache(fields in proptest::collection::vec(field(), 1..8)) {
        let columns: Vec<Column> = fields.iter().cloned().map(Column::from).collect();
        let json = serde_json::to_vec(&columns).unwrap();
        let read: Vec<Column> = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(&read, &columns);
        let back: Vec<TableField> = read.into_iter().map(TableField::from).collect();
        prop_assert_eq!(back, fields);
    }

    #[test]
    fn a_types_text_tells_the_whole_tree(field in field()) {
        let column = Column::from(field);
        let parsed = parse_column(&column.name, &column.sql_type()).unwrap();
        let expected = without_facts_that_no_type_tells(std::slice::from_ref(&column));
        prop_assert_eq!(vec![parsed], expected);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_type_parser_panic(text in "\\PC{0,40}|[A-Z<>(), `]{0,60}") {
        let _ = parse_column("c", &text);
    }
}
