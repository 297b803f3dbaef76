//! Which words of a question find which tables.

use super::*;

#[test]
fn a_korean_question_finds_columns_with_korean_descriptions() {
    let document = with_noise(vec![
        described(
            table("p.shop.orders", &["id", "ordered_at"]),
            "고객이 낸 주문",
        ),
        described(
            table("p.shop.stock", &["id", "quantity"]),
            "창고의 재고 수량",
        ),
        table("p.shop.order_items", &["item_id", "price"]),
    ]);
    let context = ask(&document, "지난달 주문은 몇 건인가요?", 200);
    assert_eq!(names(&context)[0], "p.shop.orders");
    // `주문` describes `orders`, so it stands for the word in `order_items` too.
    assert_eq!(
        names(&context)[1],
        "p.shop.order_items",
        "{:?}",
        names(&context)
    );
    assert_eq!(
        names(&ask(&document, "재고가 얼마나 있나요", 200))[0],
        "p.shop.stock"
    );
}

#[test]
fn decomposed_korean_finds_composed_korean_and_vice_versa() {
    use unicode_normalization::UnicodeNormalization as _;
    let parts = |text: &str| text.nfd().collect::<String>();
    for (name, question) in [
        ("주문".to_owned(), parts("주문은 몇 건인가요")),
        (parts("주문"), "주문은 몇 건인가요".to_owned()),
    ] {
        let name = format!("p.shop.{name}");
        let other = table("p.shop.aaa", &["id", "total"]);
        let document = with_noise(vec![other, table(&name, &["id", "total"])]);
        assert_eq!(names(&ask(&document, &question, 200))[0], name);
    }
}

#[test]
fn a_name_of_hundreds_of_words_is_indexed() {
    let name = format!("p.d.{}", "a_".repeat(300));
    let column = "b_".repeat(300);
    let context = ask(&document(vec![table(&name, &[&column])]), "a", 1_000);
    assert!(context.complete);
}

#[test]
fn the_longest_question_is_answered_quickly() {
    let words: String = (0..2_000).map(|number| format!("w{number} ")).collect();
    let index = Index::build(Arc::new(with_noise(Vec::new())));
    let hangul: String = ('가'..='힣').take(10_000).collect();
    for question in [&words[..10_000], &hangul] {
        let start = std::time::Instant::now();
        index.context(&Request {
            question,
            token_budget: 4_000,
            datasets: None,
            format: Format::Text,
        });
        // In debug, on a busy machine: it was seconds.
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    }
}
