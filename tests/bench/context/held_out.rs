//! Cross-validation over databases. The weights of each fold start from [`Weights::neutral`] and are fitted, one
//! after another, on the databases of the other folds; they are evaluated on the databases of the fold. The
//! default weights of the project are fitted on all databases in the same way.

use std::collections::{BTreeSet, HashMap};

use cache_read::context::Weights;

use super::{Fixture, Indexes, Outcome, Scope, outcomes_of, row, summary};

const FOLDS: usize = 5;
/// Each seed assigns the databases to other folds.
const SEEDS: [u64; 3] = [1, 2, 3];
/// The maximum number of passes over all weights.
const PASSES: usize = 2;
/// The minimum improvement for a value that differs from the neutral one.
const MIN_GAIN: f64 = 0.002;
/// The scopes and budgets that weights are fitted to.
const FITTED: [(Scope, usize); 3] = [
    (Scope::Database, 1_000),
    (Scope::Database, 4_000),
    (Scope::Pooled, 4_000),
];
/// The scopes and budgets that are reported.
const MEASURED: [(Scope, usize); 6] = [
    (Scope::Database, 1_000),
    (Scope::Database, 2_000),
    (Scope::Database, 4_000),
    (Scope::Pooled, 1_000),
    (Scope::Pooled, 2_000),
    (Scope::Pooled, 4_000),
];

type Field = fn(&mut Weights) -> &mut f32;

/// Each weight with the values to try. Descriptions of columns never have the weight 0: if a question is in
/// another language than the names, only they match.
const FIELDS: [(&str, Field, &[f32]); 17] = [
    ("name", |w| &mut w.name, &[1.0, 2.0, 3.0, 5.0]),
    ("dataset", |w| &mut w.dataset, &[0.0, 0.5, 1.0, 2.0]),
    ("description", |w| &mut w.description, &[0.2, 0.5, 1.0]),
    ("columns", |w| &mut w.columns, &[0.5, 1.0, 2.0]),
    (
        "column_descriptions",
        |w| &mut w.column_descriptions,
        &[0.1, 0.2, 0.5, 1.0],
    ),
    ("saturation", |w| &mut w.saturation, &[0.6, 1.2, 2.4]),
    ("width", |w| &mut w.width, &[0.0, 0.5, 0.75, 1.0]),
    (
        "neighbourhood",
        |w| &mut w.neighbourhood,
        &[0.0, 0.15, 0.3, 0.6],
    ),
    ("join", |w| &mut w.join, &[0.0, 0.15, 0.3, 0.5]),
    (
        "column_description",
        |w| &mut w.column_description,
        &[0.2, 0.5, 1.0],
    ),
    ("parent", |w| &mut w.parent, &[0.0, 0.25, 0.5, 1.0]),
    ("key", |w| &mut w.key, &[0.0, 1.0, 2.0, 4.0]),
    ("date", |w| &mut w.date, &[0.0, 1.0, 2.0, 4.0]),
    ("label", |w| &mut w.label, &[0.0, 0.5, 1.0, 2.0]),
    ("thin_share", |w| &mut w.thin_share, &[0.3, 0.5, 0.7, 0.85]),
    (
        "thin_columns",
        |w| &mut w.thin_columns,
        &[2.0, 4.0, 6.0, 10.0],
    ),
    ("rank", |w| &mut w.rank, &[0.5, 1.0, 2.0]),
];

/// A cache of outcomes by weights, because folds evaluate many of the same.
struct Measured<'a> {
    fixture: &'a Fixture,
    indexes: &'a Indexes,
    known: HashMap<(Vec<u32>, Scope, usize), Vec<Outcome>>,
}

impl Measured<'_> {
    fn outcomes(
        &mut self,
        weights: &Weights,
        scope: Scope,
        budget: usize,
    ) -> anyhow::Result<&[Outcome]> {
        let mut weights = *weights;
        let mut values: Vec<u32> = Vec::new();
        for (_, field, _) in FIELDS {
            values.push(field(&mut weights).to_bits());
        }
        let key = (values, scope, budget);
        if !self.known.contains_key(&key) {
            let outcomes = outcomes_of(self.fixture, self.indexes, scope, budget, &weights)?;
            self.known.insert(key.clone(), outcomes);
        }
        Ok(&self.known[&key])
    }

    /// The score of the weights on the questions that `counts` accepts. Tables and columns count equally, and a
    /// question with only some of its tables counts in part.
    fn score(&mut self, weights: &Weights, counts: &dyn Fn(usize) -> bool) -> anyhow::Result<f64> {
        let mut score = 0.0;
        for (scope, budget) in FITTED {
            let outcomes = self.outcomes(weights, scope, budget)?.iter().enumerate();
            let chosen = outcomes.filter(|(position, _)| counts(*position));
            let chosen: Vec<Outcome> = chosen.map(|(_, outcome)| *outcome).collect();
            let summary = summary(&chosen);
            score += summary.tables + 0.5 * summary.share_of_tables + summary.columns;
        }
        Ok(score)
    }

    fn fit(&mut self, counts: &dyn Fn(usize) -> bool) -> anyhow::Result<Weights> {
        let mut best = Weights::neutral();
        let mut best_score = self.score(&best, counts)?;
        for _ in 0..PASSES {
            let before = best;
            for (_, field, values) in FIELDS {
                let from = best;
                for value in values {
                    let mut tried = from;
                    *field(&mut tried) = *value;
                    let score = self.score(&tried, counts)?;
                    if score > best_score + MIN_GAIN {
                        (best, best_score) = (tried, score);
                    }
                }
            }
            if best == before {
                break;
            }
        }
        Ok(best)
    }
}

pub fn report(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    let databases: BTreeSet<&str> = fixture
        .questions
        .iter()
        .map(|q| q.database.as_str())
        .collect();
    let mut measured = Measured {
        fixture,
        indexes,
        known: HashMap::new(),
    };
    let on_all = measured.fit(&|_| true)?;
    println!("\nfitted on all databases: {}", differences(on_all));
    let mut held_out: Vec<Vec<Outcome>> = vec![Vec::new(); MEASURED.len()];
    for seed in SEEDS {
        let fold_of = assign_folds(&databases, seed);
        for fold in 0..FOLDS {
            let is_held =
                |position: usize| fold_of[fixture.questions[position].database.as_str()] == fold;
            let weights = measured.fit(&|position| !is_held(position))?;
            println!("seed {seed}, fold {fold}: {}", differences(weights));
            for (sum, (scope, budget)) in held_out.iter_mut().zip(MEASURED) {
                let outcomes = measured
                    .outcomes(&weights, scope, budget)?
                    .iter()
                    .enumerate();
                let held = outcomes.filter(|(position, _)| is_held(*position));
                sum.extend(held.map(|(_, outcome)| *outcome));
            }
        }
    }
    println!("\n| weights | scope | budget | tables | columns |\n| --- | --- | --- | --- | --- |");
    for ((scope, budget), held) in MEASURED.into_iter().zip(&held_out) {
        for (what, weights) in [
            ("neutral", Weights::neutral()),
            ("fitted on all, plain", on_all),
            ("as shipped, plain", Weights::default()),
        ] {
            let outcomes = measured.outcomes(&weights, scope, budget)?;
            row(&format!("{what} | {scope:?}"), budget, outcomes);
        }
        row(&format!("cross-validated | {scope:?}"), budget, held);
    }
    Ok(())
}

/// The fold of each database: the folds in turn, in an order that the seed shuffles.
fn assign_folds<'a>(databases: &BTreeSet<&'a str>, seed: u64) -> HashMap<&'a str, usize> {
    let hash = |name: &str| {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        name.bytes()
            .fold(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), step)
    };
    let mut order: Vec<&str> = databases.iter().copied().collect();
    order.sort_by_key(|name| (hash(name), *name));
    let numbers = (0..FOLDS).cycle();
    order.into_iter().zip(numbers).collect()
}

/// Lists the weights that differ from the neutral ones.
fn differences(mut weights: Weights) -> String {
    let mut neutral = Weights::neutral();
    let mut different = Vec::new();
    for (name, field, _) in FIELDS {
        let value = *field(&mut weights);
        if value.to_bits() != field(&mut neutral).to_bits() {
            different.push(format!("{name} {value}"));
        }
    }
    different.join(", ")
}
