//! What is carried over from one version to the next.

use super::*;

#[test]
fn an_llm_description_is_kept_while_the_column_is_unchanged_and_has_no_other() {
    let mut nested = Column::leaf("s", "STRUCT");
    nested.fields = vec![Column::leaf("f", "STRING"), Column::leaf("g", "STRING")];
    let mut now = table("a", 5);
    now.columns.push(nested);
    let mut before = now.clone();
    let write = |column: &mut Column, source| {
        column.description = Some(format!("About {}.", column.name));
        column.description_source = Some(source);
    };
    before.description = Some("About a.".into());
    before.description_source = Some(DescriptionSource::Llm);
    for column in &mut before.columns {
        write(column, DescriptionSource::Llm);
        column
            .fields
            .iter_mut()
            .for_each(|field| write(field, DescriptionSource::Llm));
    }
    write(&mut before.columns[4], DescriptionSource::Warehouse);

    now.columns[1].data_type = "INT64".into();
    now.columns[2].mode = Mode::Repeated;
    now.columns[3].description = Some("The warehouse's own.".into());
    now.columns[3].description_source = Some(DescriptionSource::Warehouse);
    now.columns[5].fields[1].data_type = "BYTES".into();
    let mut tables = vec![table("new", 1), now];
    carry_over(&[before], &mut tables);

    let sync = Sync::of(tables);
    for (path, text) in [
        ("", Some("About a.")),
        ("c0", Some("About c0.")),
        ("c1", None),
        ("c2", None),
        ("c3", Some("The warehouse's own.")),
        ("c4", None),
        ("s", Some("About s.")),
        ("s.f", Some("About f.")),
        ("s.g", None),
    ] {
        assert_eq!(sync.description(1, path), text, "{path}");
    }
    assert_eq!(
        sync.tables[1].columns[0].description_source,
        Some(DescriptionSource::Llm)
    );
    assert_eq!(sync.description(0, ""), None);
}

#[test]
fn limits_come_from_the_environment_and_an_invalid_one_is_named() {
    let settings = Settings::read(&Env::default().with("ENRICH_MAX_CALLS", "7"));
    assert_eq!(settings.expect("it is right").max_calls, 7);
    for (variable, value) in [
        ("ENRICH_MAX_CALLS", "many"),
        ("ENRICH_MAX_TOKENS", "-1"),
        ("ENRICH_MAX_SECONDS", "1m"),
        ("EXAMPLES_COUNT", "five"),
        ("ENRICH_CONCURRENCY", "0"),
        ("ENRICH_BATCH_COLUMNS", "0"),
    ] {
        let error = Settings::read(&Env::default().with(variable, value));
        let error = error.expect_err("it is refused").to_string();
        assert!(error.starts_with(variable), "{error}");
    }
}
