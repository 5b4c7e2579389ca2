//! The windows of a file's map, which are mapped anew when the file grows, beside those who look at it (L8).

use std::io;
use std::sync::{Arc, Mutex};

use memmap2::{MmapOptions, MmapRaw};

use super::{join, model, spawn};
use crate::disk::map::Windows;
use crate::format::ids::BLOCK;
use crate::sync::checker::fault::Fault;
use crate::sync::checker::memory;

/// A file of which no byte past its end can be mapped, and which has two blocks at last.
struct Grown {
    windows: Windows,
    /// First address and length of each map. Not the checker's: whoever looks here learns nothing from it.
    maps: Mutex<Vec<(usize, usize)>>,
}

impl Grown {
    fn map(&self, len: usize) -> io::Result<MmapRaw> {
        if len as u64 > 2 * BLOCK {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let map = MmapRaw::from(MmapOptions::new().len(len).map_anon()?);
        memory::wrote_mapped(map.as_ptr(), len);
        self.maps.lock().expect("no panic under this lock").push((map.as_ptr() as usize, len));
        Ok(map)
    }

    /// Looks at one block of the file, of which `known` are known to be there.
    fn look(&self, block: u64, known: u64) {
        let (offset, len) = (block * BLOCK, BLOCK as usize);
        let start = self.windows.pointer("a file", known * BLOCK, offset, len, &|_, len| self.map(len)).expect("memory");
        let maps = self.maps.lock().expect("no panic under this lock");
        let has_all =
            |(base, mapped): &(usize, usize)| base + offset as usize == start as usize && offset as usize + len <= *mapped;
        assert!(maps.iter().any(has_all), "block {block} lies in no map");
        drop(maps);
        memory::read_mapped(start);
    }
}

/// A file is mapped, one block, and grows by another. A thread looks at the new block, so that the window is mapped anew; one looks at the old block and at the new one, one at both in the
/// other order. Checked: whatever they are given lies in a map that has all of it, was made before, and stays; the window is mapped once for each length. Three threads.
fn growing() {
    let file = Arc::new(Grown { windows: Windows::new(), maps: Mutex::default() });
    file.look(0, 1);
    let reader = |looks: [(u64, u64); 2]| {
        let file = Arc::clone(&file);
        spawn(move || looks.into_iter().for_each(|(block, known)| file.look(block, known)))
    };
    let readers = [reader([(0, 1), (1, 2)]), reader([(1, 2), (0, 2)])];
    file.look(1, 2);
    readers.into_iter().for_each(join);
    assert_eq!(file.maps.lock().expect("no panic under this lock").len(), 2, "mapped again for nothing");
}

/// L8: nobody is given a byte outside of a map.
#[test]
fn l8_growth_beside_readers() {
    model("growth of the map beside readers").check(growing);
}

/// The model notices a length that is seen before the map that has it.
#[test]
#[should_panic(expected = "lies in no map")]
fn l8_relaxed_growth_is_noticed() {
    model("growth").broken(Fault::Relaxed { file: "disk/map.rs", operation: "store" }).check(growing);
}

/// The model notices a reader that does not acquire what the length says.
#[test]
#[should_panic(expected = "lies in no map")]
fn l8_relaxed_look_at_a_window_is_noticed() {
    model("growth").broken(Fault::Relaxed { file: "disk/map.rs", operation: "load" }).check(growing);
}
