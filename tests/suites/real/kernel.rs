//! The one call that no program of the system makes for us.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::ioctl::{Setter, ioctl};

/// EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)`; XFS has the same.
const SHUTDOWN: u32 = 0x8004_587D;
/// The journal is not written out first: what is on the device stays, everything else is lost.
const NO_LOG_FLUSH: u32 = 2;

/// Cuts the power of the file system that is mounted at `at`: from now on nothing reaches the device.
pub(crate) fn cut_power(at: &Path) -> io::Result<()> {
    let folder = File::open(at)?;
    // SAFETY: this call reads one u32, which is what is given; it changes no memory of ours.
    unsafe { ioctl(&folder, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }?;
    Ok(())
}
