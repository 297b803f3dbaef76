//! Updates levels and stats after experience was earned.

use platform::postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use crate::level::level;
use crate::points::stats;

/// The experience that a robeing has earned for each stat.
pub struct EarnedExperience {
    robeing_id: String,
    by_stat: [i64; 5],
}

impl EarnedExperience {
    /// None if the row has no robeing.
    pub fn of(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(robeing_id) = row.try_get("robeing_id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            robeing_id,
            by_stat: [
                row.try_get("memory_experience")?,
                row.try_get("compute_experience")?,
                row.try_get("empathy_experience")?,
                row.try_get("leadership_experience")?,
                row.try_get("ethics_experience")?,
            ],
        }))
    }
}

/// Stores the levels and stats that follow from the earned experience. Returns how many rows changed.
pub async fn update_levels(
    db: &Transaction<'_>,
    earned: &[EarnedExperience],
) -> Result<u64, tokio_postgres::Error> {
    let mut columns: [Vec<i64>; 7] = Default::default();
    for one in earned {
        let experience = one.by_stat.into_iter().fold(0, i64::saturating_add);
        let level = level(experience);
        let values = [level, experience]
            .into_iter()
            .chain(stats(level, one.by_stat));
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    let robeings: Vec<&str> = earned.iter().map(|one| one.robeing_id.as_str()).collect();
    let [
        level,
        experience,
        memory,
        compute,
        empathy,
        leadership,
        ethics,
    ] = &columns;
    db.execute_typed(
        "update robeing.stats as known
         set level = new.level, experience = new.experience, memory_stat = memory,
             compute_stat = compute, empathy_stat = empathy, leadership_stat = leadership,
             ethics_stat = ethics, updated_at = now()
         from unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
             as new (robeing_id, level, experience, memory, compute, empathy, leadership, ethics)
         where known.robeing_id = new.robeing_id
           and (known.level, known.experience, memory_stat, compute_stat, empathy_stat, leadership_stat, ethics_stat)
               is distinct from (new.level, new.experience, memory, compute, empathy, leadership, ethics)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (level, Type::INT8_ARRAY),
            (experience, Type::INT8_ARRAY),
            (memory, Type::INT8_ARRAY),
            (compute, Type::INT8_ARRAY),
            (empathy, Type::INT8_ARRAY),
            (leadership, Type::INT8_ARRAY),
            (ethics, Type::INT8_ARRAY),
        ],
    )
    .await
}
