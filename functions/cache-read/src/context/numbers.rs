//! Positions as 32-bit ids, and shares of counts.

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tables and columns are small"
)]
pub fn ratio(part: usize, of: usize) -> f32 {
    part as f32 / (of.max(1)) as f32
}

pub fn id(position: usize) -> u32 {
    u32::try_from(position).expect("a document of four gigabytes has fewer columns")
}
