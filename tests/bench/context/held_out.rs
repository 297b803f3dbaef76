//! Cross-validation over databases: weights are chosen on four fifths of the databases and judged on
//! the rest, in turn. The weights in use are one of the candidates.

use std::collections::BTreeSet;

use cache_read::context::Weights;

use super::{Fixture, Indexes, Outcome, Scope, outcomes, summary};

const FOLDS: usize = 5;
const MEASURED: [(Scope, usize); 4] = [
    (Scope::Database, 1_000),
    (Scope::Database, 4_000),
    (Scope::Pooled, 1_000),
    (Scope::Pooled, 4_000),
];

type Field = fn(&mut Weights) -> &mut f32;

/// The weights in use, and each weight that matters turned down and up.
fn candidates() -> Vec<(String, Weights)> {
    let mut all = vec![("as they are".to_owned(), Weights::default())];
    let fields: [(&str, Field); 12] = [
        ("name", |weights| &mut weights.name),
        ("dataset", |weights| &mut weights.dataset),
        ("columns", |weights| &mut weights.columns),
        ("column_descriptions", |weights| {
            &mut weights.column_descriptions
        }),
        ("width", |weights| &mut weights.width),
        ("neighbourhood", |weights| &mut weights.neighbourhood),
        ("join", |weights| &mut weights.join),
        ("column_description", |weights| {
            &mut weights.column_description
        }),
        ("key", |weights| &mut weights.key),
        ("thin_share", |weights| &mut weights.thin_share),
        ("thin_columns", |weights| &mut weights.thin_columns),
        ("rank", |weights| &mut weights.rank),
    ];
    for (name, field) in fields {
        for factor in [0.6, 1.4, 2.0] {
            let mut weights = Weights::default();
            *field(&mut weights) *= factor;
            if weights.thin_share <= 1.0 && weights.width <= 1.0 {
                all.push((format!("{name} x {factor}"), weights));
            }
        }
    }
    all
}

pub fn report(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    let databases: BTreeSet<&str> = fixture
        .questions
        .iter()
        .map(|question| question.database.as_str())
        .collect();
    let fold_of = |position: usize| {
        let database = fixture.questions[position].database.as_str();
        databases
            .iter()
            .take_while(|name| **name != database)
            .count()
            % FOLDS
    };
    let mut measured = Vec::new();
    for (name, weights) in candidates() {
        let mut by_setting: Vec<Vec<Outcome>> = Vec::new();
        for (scope, budget) in MEASURED {
            by_setting.push(outcomes(fixture, indexes, scope, budget, &weights)?);
        }
        print!("{name:>28}");
        for outcomes in &by_setting {
            let (tables, columns) = summary(outcomes);
            print!(" | {:.1} {:.1}", tables * 100.0, columns * 100.0);
        }
        println!();
        measured.push((name, by_setting));
    }
    let mut held_out: Vec<Vec<Outcome>> = vec![Vec::new(); MEASURED.len()];
    for fold in 0..FOLDS {
        let within = |inside: bool, outcomes: &[Outcome]| -> Vec<Outcome> {
            let chosen = outcomes.iter().enumerate();
            let chosen = chosen.filter(|(position, _)| (fold_of(*position) == fold) == inside);
            chosen.map(|(_, outcome)| *outcome).collect()
        };
        let worth = |by_setting: &[Vec<Outcome>]| -> f64 {
            let worth = by_setting.iter().map(|outcomes| {
                let (tables, columns) = summary(&within(false, outcomes));
                tables + columns
            });
            worth.sum()
        };
        // The first of equals: the weights in use, if they are among them.
        let best = measured.iter().reduce(|best, other| {
            if worth(&other.1) > worth(&best.1) + 1e-9 {
                other
            } else {
                best
            }
        });
        let Some((name, by_setting)) = best else {
            continue;
        };
        println!("fold {fold}: {name}");
        for (sum, outcomes) in held_out.iter_mut().zip(by_setting) {
            sum.extend(within(true, outcomes));
        }
    }
    println!("\n| held out | budget | tables | columns |\n| --- | --- | --- | --- |");
    for ((scope, budget), outcomes) in MEASURED.iter().zip(&held_out) {
        super::row(&format!("{scope:?}"), *budget, outcomes);
    }
    Ok(())
}
