//! Notices that an LZ4 stream was cut short. The crate takes an end between two blocks for the end of the stream, and whatever was lost with it would go unnoticed: here the
//! frames are followed by their lengths alone. All else about them is the crate's to check.

use std::io::{self, Read};

/// Hands the bytes of frames on; an end within a frame is an error.
pub(super) struct Whole<R> {
    from: R,
    next: Part,
    /// Of `next`, as much as was seen.
    held: [u8; 4],
    held_len: usize,
    /// Bytes before `next` that say nothing of lengths.
    skip: u64,
    has_block_checksums: bool,
    has_content_checksum: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A frame's magic number, or the end.
    Magic,
    /// Its flags.
    Flags,
    /// The length of a block; 0: there is none, and the frame ends.
    Block,
}

impl<R> Whole<R> {
    pub(super) fn new(from: R) -> Whole<R> {
        let next = Part::Magic;
        Whole { from, next, held: [0; 4], held_len: 0, skip: 0, has_block_checksums: false, has_content_checksum: false }
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let len = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= len as u64;
                bytes = &bytes[len..];
                continue;
            }
            let wanted = if self.next == Part::Flags { 2 } else { 4 };
            self.held[self.held_len] = bytes[0];
            self.held_len += 1;
            bytes = &bytes[1..];
            if self.held_len == wanted {
                self.held_len = 0;
                self.part();
            }
        }
    }

    /// A part has been seen whole.
    fn part(&mut self) {
        let checksum = |is_there: bool| if is_there { 4 } else { 0 };
        match self.next {
            Part::Magic => self.next = Part::Flags,
            Part::Flags => {
                let flags = self.held[0];
                (self.has_block_checksums, self.has_content_checksum) = (flags & 0x10 != 0, flags & 0x04 != 0);
                let content_len = if flags & 0x08 != 0 { 8 } else { 0 };
                let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
                // And the header's own checksum.
                self.skip = content_len + dictionary + 1;
                self.next = Part::Block;
            }
            Part::Block => match u32::from_le_bytes(self.held) {
                0 => {
                    self.skip = checksum(self.has_content_checksum);
                    self.next = Part::Magic;
                }
                // The highest bit says that the block is not compressed.
                len => self.skip = u64::from(len & 0x7fff_ffff) + checksum(self.has_block_checksums),
            },
        }
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let len = self.from.read(to)?;
        self.follow(&to[..len]);
        let is_between_frames = self.next == Part::Magic && self.held_len == 0 && self.skip == 0;
        if len == 0 && !to.is_empty() && !is_between_frames {
            // Not `UnexpectedEof`, which the crate takes for an end.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the compressed script is cut short"));
        }
        Ok(len)
    }
}
