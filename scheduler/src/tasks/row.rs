//! Values: one byte for the form of the row, then postcard's bytes.
//!
//! The form byte is what an older build stumbles over when a newer one has written other rows: a clear error, not wrong fields.

use crate::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;

/// The form of rows that this build writes and reads. Stored.
const FORM: u8 = 1;

/// The bytes of `row`.
pub(super) fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    bytes.push(FORM);
    postcard::to_extend(row, bytes).expect("rows are made of types that postcard takes, and a Vec takes every byte")
}

/// The row in `bytes`; `place` names it in the error.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], place: &dyn Display) -> Result<T> {
    match bytes.split_first() {
        Some((&FORM, rest)) => match postcard::take_from_bytes(rest) {
            Ok((row, [])) => Ok(row),
            Ok((_, rest)) => Err(Error::broken(format_args!("the row of {place} has {} bytes too many", rest.len()))),
            Err(e) => Err(Error::broken(format_args!("the row of {place} cannot be read: {e}"))),
        },
        Some((form, _)) => Err(Error::broken(format_args!("the row of {place} has form {form}, this build reads {FORM}"))),
        None => Err(Error::broken(format_args!("the row of {place} is empty"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigHash;
    use crate::model::{HostId, InstanceAction, InstanceEvent, JobId, Millis, Task, TaskId, TaskState};

    /// The bytes of stored rows stay what they are.
    #[test]
    fn rows_have_fixed_bytes() {
        let task = Task {
            job: JobId(300),
            instance: 2,
            state: TaskState::Running,
            host: Some(HostId(5)),
            configuration: ConfigHash([7; 32]),
            created: Millis(1),
            modified: Millis(128),
            events: 4,
        };
        let bytes = encode(&task);
        let expected = [&[1, 0xac, 2, 2, 4, 1, 5][..], &[7; 32], &[1, 0x80, 1, 4]].concat();
        assert_eq!(bytes, expected);
        assert_eq!(decode::<Task>(&bytes, &"t").unwrap(), task);
        let event = InstanceEvent { at: Millis(9), instance: 3, task: TaskId(4), action: InstanceAction::Updated };
        assert_eq!(encode(&event), [1, 9, 3, 4, 2]);
    }

    /// Bytes that are no row give an error that names the place, never a panic.
    #[test]
    fn bytes_that_are_no_row_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = decode::<InstanceEvent>(bytes, &"event 9").unwrap_err();
            assert!(error.to_string().contains("event 9") && error.to_string().contains(expected), "{error}");
        };
        check(&[], "is empty");
        check(&[2, 9, 3, 4, 2], "has form 2");
        check(&[1, 9, 3, 4], "cannot be read");
        check(&[1, 9, 3, 4, 77], "cannot be read");
        check(&[1, 9, 3, 4, 2, 0], "1 bytes too many");
    }
}
