//! The engines that are compared, an adapter a file. Ours first; the peers with the feature `peers`.

#[cfg(feature = "peers")]
mod fjall;
#[cfg(feature = "peers")]
mod lmdb;
#[cfg(feature = "peers")]
mod redb;
#[cfg(feature = "peers")]
mod sqlite;
mod treering;

use crate::engine::Kind;

/// All engines of this build.
#[must_use]
pub fn all() -> &'static [Kind] {
    &[
        treering::KIND,
        #[cfg(feature = "peers")]
        redb::KIND,
        #[cfg(feature = "peers")]
        lmdb::KIND,
        #[cfg(feature = "peers")]
        lmdb::WRITEMAP,
        #[cfg(feature = "peers")]
        fjall::KIND,
        #[cfg(feature = "peers")]
        sqlite::KIND,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Outcome, Safety, Unsupported};
    use crate::load::Load;

    /// Every adapter keeps what it was given, in order, over a reopening, and counts it; or says that it cannot.
    #[test]
    fn adapters_keep_what_they_are_given() -> Outcome {
        let load = Load::new(500, 10, 1);
        for kind in all() {
            let folder = tempfile::tempdir()?;
            let engine = (kind.open)(folder.path())?;
            engine.connect()?.load(&load)?;
            for (i, safety) in [Safety::Synced, Safety::Written, Safety::Memory].into_iter().enumerate() {
                let done = engine.connect()?.write(safety, &mut |writer| {
                    writer.put(&load.fresh(i..i + 1)[0], b"new")?;
                    writer.remove(load.key(i))
                });
                match done {
                    Err(e) if safety != Safety::Synced && e.is::<Unsupported>() => {}
                    other => other?,
                }
            }
            engine.connect()?.write(Safety::Synced, &mut |writer| (1..3).try_for_each(|i| writer.remove(load.key(i))))?;
            engine.close()?;
            let mut engine = (kind.open)(folder.path())?;
            engine.compact()?;
            let mut connection = engine.connect()?;
            connection.snapshots(3)?;
            connection.read(&mut |reader| {
                let mut value = Vec::new();
                assert!(reader.get(load.key(7), &mut |v| value.extend_from_slice(v))?, "{}", kind.name);
                assert_eq!(value, load.value(7), "{}", kind.name);
                assert!(!reader.get(load.key(0), &mut |_| {})?, "{}", kind.name);
                let mut keys = Vec::new();
                let count = reader.scan(load.key(9), 10, &mut |k, _| keys.push(k.to_vec()))?;
                assert_eq!((count, keys.len()), (10, 10), "{}", kind.name);
                assert!(keys[0] == load.key(9) && keys.is_sorted(), "{}", kind.name);
                assert_eq!(reader.scan(&[], 10_000, &mut |_, _| {})? as u64, reader.count()?, "{}", kind.name);
                Ok(())
            })?;
            drop(connection);
            engine.close()?;

            let folder = tempfile::tempdir()?;
            let engine = (kind.open)(folder.path())?;
            engine.connect()?.load_sorted(&load)?;
            engine.connect()?.read(&mut |reader| {
                assert_eq!(reader.count()?, 500, "{}", kind.name);
                Ok(())
            })?;
            engine.close()?;
        }
        Ok(())
    }
}
