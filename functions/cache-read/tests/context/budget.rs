//! What a context contains if not everything fits.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_context_is_never_over_its_budget_and_always_the_same(
        document in any_document(),
        question in "[a-z_가-힣 ?]{1,60}",
        budget in 1_usize..3_000,
        format in 0_usize..3,
    ) {
        let format = [Format::Text, Format::Ddl, Format::Json][format];
        let context = in_format(&document, &question, budget, format);
        prop_assert!(tokens(&context.context) <= budget, "{} > {budget}", context.tokens);
        prop_assert_eq!(context.tokens, tokens(&context.context));
        prop_assert_eq!(&in_format(&document, &question, budget, format), &context);
        let all: usize = document.tables.iter().map(|table| table.columns.len()).sum();
        prop_assert!(context.complete || all > 0);
    }

    #[test]
    fn a_schema_that_fits_is_included_whole(document in any_document(), question in "[a-z ]{1,30}") {
        let context = ask(&document, &question, 200_000);
        prop_assert!(context.complete);
        prop_assert_eq!(context.tables.len(), document.tables.len());
        prop_assert!(context.tables.iter().all(|table| table.columns_left_out == 0));
        // In no fewer tokens than it says does it fit as a whole.
        let whole = ask(&document, &question, context.tokens);
        prop_assert!(whole.complete);
    }
}

/// Tables that the ranking orders: some of their columns contain words of the question.
fn near_equals(count: usize, columns: usize) -> Document {
    let names: Vec<String> = (0..columns).map(|at| format!("note_{at}")).collect();
    let tables = (0..count).map(|number| {
        let letters: String = [number / 26, number % 26]
            .map(|place| char::from(b'a' + u8::try_from(place).unwrap()))
            .iter()
            .collect();
        let own: Vec<String> = names
            .iter()
            .map(|name| format!("{letters}_{name}"))
            .collect();
        let mut own: Vec<&str> = own.iter().map(String::as_str).collect();
        own.push("customer");
        table(&format!("p.shop.{letters}{letters}_list"), &own)
    });
    document(tables.collect())
}

/// All tables in the order of the ranking.
fn ranking(document: &Document, question: &str) -> Vec<String> {
    let all = ask(document, question, 200_000);
    assert!(all.complete);
    names(&all).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_likeliest_table_is_included_in_any_budget() {
    let wide: Vec<String> = (0..60).map(|at| format!("customer_detail_{at}")).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    let mut tables = near_equals(60, 8).tables;
    tables.push(table("p.shop.customer_orders", &wide));
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let document = document(tables);
    for budget in 100..=140 {
        for format in [Format::Text, Format::Ddl, Format::Json] {
            let context = in_format(&document, "customer orders", budget, format);
            assert_eq!(names(&context)[0], "p.shop.customer_orders", "{budget}");
            assert!(!context.tables[0].columns.is_empty(), "{budget} {format:?}");
        }
    }
}

#[test]
fn no_table_is_omitted_for_one_that_matches_the_question_less() {
    let document = near_equals(20, 12);
    let ranking = ranking(&document, "customer list");
    for budget in (100..1_500).step_by(20) {
        let context = ask(&document, "customer list", budget);
        assert_eq!(names(&context), ranking[..context.tables.len()], "{budget}");
    }
}

#[test]
fn the_smallest_budget_holds_a_table_with_its_required_facts() {
    let mut events = table(
        "bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*",
        &["event_date", "event_name"],
    );
    events.shards = Some(Shards {
        count: 92,
        first: "20201101".into(),
        last: "20210131".into(),
        siblings: vec![
            "bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_intraday_*".into(),
        ],
        ..Shards::default()
    });
    for group in 0..12 {
        let fields = (0..8).map(|at| Column::leaf(format!("event_field_{group}_{at}"), "STRING"));
        events.columns.push(nested(
            &format!("event_params_{group}"),
            Mode::Repeated,
            fields.collect(),
        ));
    }
    for budget in 100..=120 {
        for format in [Format::Text, Format::Ddl, Format::Json] {
            let context = in_format(
                &document(vec![events.clone()]),
                "events a day",
                budget,
                format,
            );
            assert_eq!(context.tables.len(), 1, "{budget} {format:?}");
            assert!(!context.context.is_empty());
            assert!(tokens(&context.context) <= budget);
        }
    }
    // A name that leaves room for nothing else.
    let long = table(&format!("p.d.{}", "orders_".repeat(50)), &["total"]);
    let context = ask(&document(vec![long]), "orders", 100);
    assert_eq!(context.tables.len(), 1);
}

#[test]
fn a_table_with_more_keys_than_fit_is_rendered_with_those_that_fit() {
    let columns: Vec<String> = (0..120).map(|at| format!("other_{at}_id")).collect();
    let mut hub = table(
        "p.shop.orders",
        &columns.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    hub.foreign_keys = columns
        .iter()
        .map(|column| {
            let to = crate::common::name(&format!("p.noise.{column}_table"));
            let id = vec!["id".to_owned()];
            schema::document::ForeignKey::new(vec![column.clone()], to, id)
        })
        .collect();
    let document = with_noise(vec![hub]);
    for format in [Format::Text, Format::Ddl, Format::Json] {
        for budget in [100, 300, 1_000] {
            let context = in_format(&document, "orders", budget, format);
            assert_eq!(names(&context)[0], "p.shop.orders");
            assert!(!context.tables[0].columns.is_empty(), "{budget} {format:?}");
        }
    }
    let context = ask(&document, "orders", 300);
    assert!(
        context
            .context
            .contains("other_0_id -> other_0_id_table(id)"),
        "{}",
        context.context
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_chosen_tables_are_the_first_of_the_ranking(
        document in any_document(),
        question in "[a-z_가-힣 ?]{1,60}",
        budget in 1_usize..3_000,
        format in 0_usize..3,
    ) {
        let format = [Format::Text, Format::Ddl, Format::Json][format];
        let ranking = ranking(&document, &question);
        let context = in_format(&document, &question, budget, format);
        prop_assert_eq!(names(&context), ranking[..context.tables.len()].to_vec());
        prop_assert!(budget < 100 || document.tables.is_empty() || !context.tables.is_empty());
    }
}

#[test]
fn a_korean_schema_that_just_fits_is_included_whole() {
    let tables = (0..30).map(|number| {
        let name = format!("p.쇼핑몰.고객이주문하고결제까지마친내역_{number}");
        table(&name, &["주문번호", "결제금액"])
    });
    let document = document(tables.collect());
    let whole = ask(&document, "주문", 200_000);
    assert!(whole.complete);
    assert!(ask(&document, "주문", whole.tokens).complete);
}
