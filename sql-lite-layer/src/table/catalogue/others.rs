//! Views and sequences.

use super::*;

/// Creates a view, or replaces the one with its name.
///
/// # Errors
/// `Exists`.
pub(crate) fn create_view(txn: &WriteTxn, schema: &mut Schema, view: View, or_replace: bool) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    if !(or_replace && edit.schema.views.contains_key(&fold(&view.name))) {
        edit.check_free(&view.name)?;
    }
    edit.put(&view_key(&view.name), &view)?;
    edit.schema.views.insert(fold(&view.name), Arc::new(view));
    edit.finish()
}

/// Drops a view.
///
/// # Errors
/// `Name`.
pub(crate) fn drop_view(txn: &WriteTxn, schema: &mut Schema, name: &str) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    if edit.schema.views.remove(&fold(name)).is_none() {
        return Err(Error::new(ErrorKind::Name, format!("there is no view \"{name}\"")).with_state("42P01"));
    }
    edit.remove(&view_key(name))?;
    edit.finish()
}

/// Creates a sequence. Its number is given here.
///
/// # Errors
/// `Exists`; `Data` if it counts in steps of 0.
pub(crate) fn create_sequence(txn: &WriteTxn, schema: &mut Schema, mut sequence: Sequence) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    edit.check_free(&sequence.name)?;
    if sequence.increment == 0 {
        return Err(Error::new(ErrorKind::Data, "a sequence cannot count in steps of 0").with_state("22023"));
    }
    sequence.id = edit.new_id()?;
    edit.put(&numbered_key(SEQUENCE, sequence.id), &sequence)?;
    edit.schema.sequences.insert(fold(&sequence.name), Arc::new(sequence));
    edit.finish()
}

/// Drops a sequence.
///
/// # Errors
/// `Name`.
pub(crate) fn drop_sequence(txn: &WriteTxn, schema: &mut Schema, name: &str) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let Some(sequence) = edit.schema.sequences.remove(&fold(name)) else {
        return Err(Error::new(ErrorKind::Name, format!("there is no sequence \"{name}\"")).with_state("42704"));
    };
    edit.remove(&numbered_key(SEQUENCE, sequence.id))?;
    edit.forget_counters(sequence.id, None)?;
    edit.finish()
}
