//! Loops that move all bytes, or say why not: a system call may move fewer than asked, be interrupted, or move none.
//!
//! The call is a parameter, so that each of these can be tested with calls that misbehave.

use std::io;

/// Calls `write` until all of `bytes` are written from `offset` on. A write of 0 bytes is the error `WriteZero`.
pub(super) fn write_all(mut bytes: &[u8], mut offset: u64, write: impl Fn(&[u8], u64) -> io::Result<usize>) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.get(count..).ok_or(io::ErrorKind::InvalidData)?;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Calls `read` until `into` is full with the bytes from `offset` on. The end of the file before is the error `UnexpectedEof`.
pub(super) fn read_all(
    mut into: &mut [u8],
    mut offset: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !into.is_empty() {
        match read(into, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                into = into.get_mut(count..).ok_or(io::ErrorKind::InvalidData)?;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Short and interrupted calls go on where they stopped.
    #[test]
    fn short_and_interrupted_calls_go_on() {
        let calls = Cell::new(0);
        let turn = || -> io::Result<usize> {
            calls.set(calls.get() + 1);
            if calls.get() % 2 == 0 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(3) }
        };
        let file = RefCell::new(vec![0; 20]);
        let write = |bytes: &[u8], offset: u64| {
            let count = bytes.len().min(turn()?);
            file.borrow_mut()[offset as usize..][..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        };
        write_all(b"0123456789", 5, write).unwrap();
        assert_eq!(&file.borrow()[5..15], b"0123456789");
        let mut into = [0; 10];
        let read = |into: &mut [u8], offset: u64| {
            let count = into.len().min(turn()?);
            into[..count].copy_from_slice(&file.borrow()[offset as usize..][..count]);
            Ok(count)
        };
        read_all(&mut into, 5, read).unwrap();
        assert_eq!(&into, b"0123456789");
    }

    /// A call that moves nothing ends the loop with an error, and so does one that claims too much.
    #[test]
    fn a_write_of_zero_is_an_error() {
        assert_eq!(write_all(b"ab", 0, |_, _| Ok(0)).unwrap_err().kind(), io::ErrorKind::WriteZero);
        assert_eq!(write_all(b"ab", 0, |_, _| Ok(3)).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read_all(&mut [0; 2], 0, |_, _| Ok(0)).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let full = write_all(b"ab", 0, |_, _| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
