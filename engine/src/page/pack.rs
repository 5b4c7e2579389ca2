//! The stored form of a page: without gap and dead heap, with its CRC; plain or as LZ4.

use super::buf::PageBuf;
use super::check::{MAX_RATIO, MAX_UNPACKED};
use super::layout::*;
use super::memory::Memory;
use super::view::Page;
use crate::codec::crc;
use crate::error::{Error, Result};
use crate::format::Position;

fn put_u32(bytes: &mut [u8], at: usize, value: usize) {
    let value = u32::try_from(value).expect("a page is shorter than 4 GiB");
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Sets the lengths and, last, the CRC of the stored page `bytes`.
fn seal(bytes: &mut [u8], raw_len: usize, flags: u8, padding: usize) {
    let len = bytes.len();
    put_u32(bytes, STORED_LEN, len);
    put_u32(bytes, RAW_LEN, raw_len);
    bytes[FLAGS] = flags;
    bytes[PADDING] = padding as u8;
    let crc = crc(&bytes[STORED_LEN..]);
    put_u32(bytes, CRC, crc as usize);
}

impl Page<'_> {
    /// Appends the stored form to `out`: [`Page::packed_len`] bytes. A compressed page is its own stored form.
    ///
    /// # Errors
    /// `Corrupt` if the page's heap is not what its slots say; then `out` is as it was.
    pub fn pack_into(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.is_compressed() {
            out.extend_from_slice(self.bytes());
            return Ok(());
        }
        let (start, len) = (out.len(), self.packed_len());
        out.reserve(len);
        if self.kind() == Kind::Large {
            out.extend_from_slice(&self.bytes()[..self.used()]);
            out.resize(start + len, 0);
        } else {
            self.pack_arrays(out);
            if let Err(error) = self.pack_heap(out, start, len) {
                out.truncate(start);
                return Err(error);
            }
        }
        seal(&mut out[start..], len, 0, 0);
        Ok(())
    }

    /// Appends the head and the arrays, each cut to the count.
    fn pack_arrays(&self, out: &mut Vec<u8>) {
        let (start, count, capacity) = (out.len(), self.count(), self.capacity());
        out.extend_from_slice(self.head());
        let mut array = HEAD_LEN;
        for len in self.kind().arrays() {
            out.extend_from_slice(&self.bytes()[array..array + len * count]);
            out.resize(out.len() + len * (even(count) - count), 0);
            array += len * capacity;
        }
        put_u32(&mut out[start..], CAPACITY, even(count));
    }

    /// Appends the gap that the alignment asks for, and the live heap; mends the slots in `out` if items moved.
    fn pack_heap(&self, out: &mut Vec<u8>, start: usize, len: usize) -> Result<()> {
        let whole = &self.bytes()[self.bytes().len() - self.heap_len()..];
        if self.heap_dead() == 0 {
            out.resize(start + len - whole.len(), 0);
            out.extend_from_slice(whole);
            return Ok(());
        }
        let prefix = self.prefix();
        let mut at = prefix.len();
        let live = self.heap_len().checked_sub(self.heap_dead()).filter(|live| *live >= at);
        let live = live.ok_or_else(|| self.bad("more of its heap is dead than there is"))?;
        out.resize(start + len, 0);
        let page = &mut out[start..];
        page[len - prefix.len()..].copy_from_slice(prefix);
        for i in 0..self.count() {
            let slot = self.slot(i)?;
            let (rest, tail) = self.parts(slot)?;
            if rest.len() + tail.len() == 0 {
                continue;
            }
            at += rest.len() + tail.len();
            if at > live {
                break;
            }
            let item = &mut page[len - at..][..rest.len() + tail.len()];
            item[..rest.len()].copy_from_slice(rest);
            item[rest.len()..].copy_from_slice(tail);
            let place = slots_at(even(self.count())) + 8 * i;
            page[place..place + 8].copy_from_slice(&Slot { at: at as u32, ..slot }.to_bytes());
        }
        if at != live {
            return Err(self.bad("its heap is not what its slots say"));
        }
        put_u32(page, HEAP_LEN, live);
        put_u32(page, HEAP_DEAD, 0);
        Ok(())
    }

    /// Appends the LZ4 form if that saves at least an eighth, else the plain one; says whether it is LZ4.
    ///
    /// # Errors
    /// As [`Page::pack_into`].
    pub fn pack_lz4_into(&self, out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        self.pack_into(out)?;
        if self.is_compressed() {
            return Ok(true);
        }
        let raw_len = out.len() - start;
        if raw_len > MAX_UNPACKED || raw_len <= 2 * HEAD_LEN {
            return Ok(false);
        }
        let block = lz4_flex::block::compress(&out[start + HEAD_LEN..]);
        let stored_len = align(HEAD_LEN + block.len());
        if stored_len > raw_len - raw_len / 8 || raw_len > stored_len * MAX_RATIO {
            return Ok(false);
        }
        out.truncate(start + HEAD_LEN);
        out.extend_from_slice(&block);
        out.resize(start + stored_len, 0);
        seal(&mut out[start..], raw_len, FLAG_LZ4, stored_len - HEAD_LEN - block.len());
        Ok(true)
    }

    /// The page in memory, unpacked, its contents checked; a page that is not compressed is copied.
    ///
    /// # Errors
    /// `Corrupt` if it does not unpack to the length that it names, within the bounds on that length, or to no legal page; `Full` without memory for it.
    pub fn unpack(&self) -> Result<PageBuf> {
        if !self.is_compressed() {
            return PageBuf::copy_of(*self, 0);
        }
        let (stored_len, raw_len) = (self.bytes().len(), u32_at(self.head(), RAW_LEN) as usize);
        if raw_len > MAX_UNPACKED || raw_len > stored_len * MAX_RATIO || raw_len < HEAD_LEN || !raw_len.is_multiple_of(ALIGN) {
            return Err(self.bad("raw_len is wrong"));
        }
        let (block, padding) = stored_len
            .checked_sub(usize::from(self.head()[PADDING]))
            .filter(|end| *end >= HEAD_LEN)
            .map(|end| (&self.bytes()[HEAD_LEN..end], &self.bytes()[end..]))
            .ok_or_else(|| self.bad("the padding is longer than the page"))?;
        let mut memory = zeros(raw_len, self.position())?;
        let (head, body) = memory.split_at_mut(HEAD_LEN);
        match lz4_flex::block::decompress_into(block, body) {
            Ok(len) if len == body.len() && padding.iter().all(|byte| *byte == 0) => {}
            Ok(len) => return Err(self.bad(format_args!("it unpacks to {} bytes, not {raw_len}", HEAD_LEN + len))),
            Err(error) => return Err(self.bad(format_args!("it does not unpack: {error}"))),
        }
        head.copy_from_slice(self.head());
        put_u32(head, CRC, 0);
        put_u32(head, STORED_LEN, raw_len);
        head[FLAGS] = 0;
        head[PADDING] = 0;
        Page::with_lengths(&memory).map_err(|what| self.bad(what))?.check_contents()?;
        Ok(PageBuf { memory })
    }
}

/// Memory for a page of the file. A large value is as long as its writer wished.
fn zeros(len: usize, at: Position) -> Result<Memory> {
    Memory::try_zeroed(len).ok_or_else(|| Error::no_memory(at, len))
}

impl PageBuf {
    /// The stored page of `len` bytes that `read` puts into the buffer it is given: all of it checked, as [`Page::verify`] does, and unpacked.
    ///
    /// # Errors
    /// What `read` gives; `Corrupt` if the page is damaged or has another length; `Unsupported`; `Full` without memory for it.
    pub fn of_stored(len: usize, at: Position, read: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<PageBuf> {
        if len < HEAD_LEN || !len.is_multiple_of(ALIGN) {
            return Err(Error::corrupt(at, format_args!("there are {len} bytes for it")));
        }
        let mut memory = zeros(len, at)?;
        read(&mut memory)?;
        let page = Page::verify(&memory, at)?;
        if page.bytes().len() != len {
            return Err(page.bad(format_args!("it has {} bytes, expected {len}", page.bytes().len())));
        }
        if page.is_compressed() { page.unpack() } else { Ok(PageBuf { memory }) }
    }
}
