//! Lines out of a file.

use std::collections::HashMap;
use std::io::Read as _;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Line;
use crate::keys::PersonKey;

const COLUMNS: usize = 12;
const SEALED: usize = 11;
/// A person's whole row is smaller by far; what claims to be larger is no row of ours.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The rows of a file for which `wanted` (by key) holds, in order, given to `take` with what is
/// sealed in them still sealed.
pub fn read(
    body: Bytes,
    wanted: impl Fn(Option<i64>) -> bool,
    mut take: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = SerializedFileReader::new(body)?;
    let format = file
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == "metasync.format"))
        .and_then(|pair| pair.value.as_deref());
    ensure!(
        format == Some("1"),
        "the archive has another format, {format:?}"
    );
    for index in 0..file.num_row_groups() {
        let group = file.get_row_group(index)?;
        let group = group.as_ref();
        ensure!(
            group.num_columns() == COLUMNS,
            "the archive has other columns"
        );
        let keys = some::<Int64Type>(group, 10)?;
        if !keys.iter().any(|key| wanted(*key)) {
            continue;
        }
        let ids = all::<FixedLenByteArrayType>(group, 0)?;
        let robeings = all::<ByteArrayType>(group, 1)?;
        let sources = all::<ByteArrayType>(group, 2)?;
        let tokens = all::<Int32Type>(group, 3)?;
        let confidence = some::<DoubleType>(group, 4)?;
        let answered = some::<FixedLenByteArrayType>(group, 5)?;
        let created = all::<Int64Type>(group, 6)?;
        let edited = some::<Int64Type>(group, 7)?;
        let deleted = some::<Int64Type>(group, 8)?;
        let erased = some::<Int64Type>(group, 9)?;
        let mut sealed = some::<ByteArrayType>(group, SEALED)?;
        for (row, key_id) in keys.into_iter().enumerate().filter(|(_, key)| wanted(*key)) {
            take(Line {
                id: Uuid::from_slice(ids[row].data())?,
                robeing_id: robeings[row].as_utf8()?.to_owned(),
                source: sources[row].as_utf8()?.to_owned(),
                token_count: tokens[row],
                confidence: confidence[row],
                reply_to: match &answered[row] {
                    Some(id) => Some(Uuid::from_slice(id.data())?),
                    None => None,
                },
                created_at: created[row],
                edited_at: edited[row],
                deleted_at: deleted[row],
                erased_at: erased[row],
                key_id,
                personal: sealed[row].take().map(|it| it.data().to_vec()),
            })?;
        }
    }
    Ok(())
}

impl Line {
    /// With its key, what is sealed becomes JSON.
    pub fn open(&mut self, key: &PersonKey) -> anyhow::Result<()> {
        if let Some(sealed) = self.personal.take() {
            let small = key.open(self.id.as_bytes(), &sealed)?;
            let mut plain = Vec::with_capacity(small.len() * 3);
            zstd::Decoder::new(&*small)?
                .take(LARGEST)
                .read_to_end(&mut plain)?;
            self.personal = Some(plain);
        }
        Ok(())
    }
}

/// Reads a whole file with its keys: how many rows it has, and the digest of what they say.
pub fn check(body: Bytes, keys: &HashMap<i64, PersonKey>) -> anyhow::Result<(i64, [u8; 32])> {
    let (mut rows, mut content) = (0, Sha256::new());
    read(
        body,
        |_| true,
        |mut line| {
            if let Some(key_id) = line.key_id {
                let key = keys.get(&key_id).context("a row's key is gone")?;
                line.open(key)?;
            }
            line.add_to(&mut content);
            rows += 1;
            Ok(())
        },
    )?;
    Ok((rows, content.finalize().into()))
}

fn all<T: DataType>(group: &dyn RowGroupReader, column: usize) -> anyhow::Result<Vec<T::T>> {
    let values = some::<T>(group, column)?;
    let values: Option<Vec<T::T>> = values.into_iter().collect();
    values.ok_or_else(|| anyhow!("a required column of the archive has gaps"))
}

fn some<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
) -> anyhow::Result<Vec<Option<T::T>>> {
    let rows = usize::try_from(group.metadata().num_rows())?;
    let is_optional = group
        .metadata()
        .column(column)
        .column_descr()
        .max_def_level()
        > 0;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::with_capacity(rows);
    let mut levels = Vec::with_capacity(rows);
    let mut read = 0;
    while read < rows {
        let levels = is_optional.then_some(&mut levels);
        let (records, _, _) = reader.read_records(rows - read, levels, None, &mut values)?;
        ensure!(records > 0, "a column of the archive ends early");
        read += records;
    }
    let mut values = values.into_iter();
    if !is_optional {
        return Ok(values.map(Some).collect());
    }
    let row = |level: &i16| if *level > 0 { values.next() } else { None };
    Ok(levels.iter().map(row).collect())
}
