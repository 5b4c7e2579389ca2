//! The window beside the plain way of [`crash`](crate::crash), and each kind of damage by itself.

use super::*;
use crate::crash;
use treering::format::Extent;

/// Operations without their bytes.
fn kinds(log: &[Operation]) -> Vec<String> {
    let long = log.iter().map(|operation| format!("{operation:?}").replace(char::is_whitespace, ""));
    long.map(|text| text.chars().take(60).collect()).collect()
}

/// A log of everything that can stand in one, over a few blocks.
fn drawn(rng: &mut fastrand::Rng) -> Vec<Operation> {
    let mut log = Vec::new();
    while log.len() < 30 {
        let (offset, len) = (rng.u64(..9_000), rng.usize(1..2_000));
        let bytes = vec![rng.u8(..4); len];
        let extent = Extent { offset: rng.u64(..4) * 4096, len: 4096 };
        match rng.u32(..12) {
            0..=4 => log.push(Operation::Write { offset, bytes }),
            5 => log.extend([Operation::Write { offset, bytes: bytes.clone() }, Operation::WriteThrough { offset, bytes }]),
            6 => log.push(Operation::SetLen(rng.u64(..10_000))),
            7 => log.push(Operation::Reserve(extent)),
            8 => log.push(Operation::Punch(extent)),
            9 => log.push(Operation::FailedSync),
            _ => log.push(Operation::Sync),
        }
    }
    log
}

/// State by state, what is built from differences is what is built plainly, and equal hashes mean equal files.
#[test]
fn window_and_plain_image_agree() {
    let mut rng = Seed::of("window_and_plain_image_agree").rng();
    for _ in 0..60 {
        let log = drawn(&mut rng);
        let before = vec![5; rng.usize(..6_000)];
        let mut window = Window::new(Stage::new(), &before, &log);
        let mut seen: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        loop {
            let pieces = window.pieces();
            for _ in 0..8 {
                let choice = Choice::of(pieces.iter().map(|_| rng.bool()).collect());
                let arrived = |operation, sector: u64| {
                    let is_it =
                        |piece: &Piece| piece.operation == operation && piece.sector.is_none_or(|s| u64::from(s) == sector);
                    pieces.iter().position(is_it).is_none_or(|n| choice.arrived[n])
                };
                let plain = crash::image(&before, &log, window.end(), &mut |operation, sector| arrived(operation, sector));
                let crash = window.crash(&pieces, &choice);
                let found = window.disk(&crash).bytes();
                assert!(found == plain, "behind operation {} of {:?}: {pieces:?}, {choice:?}", window.end(), kinds(&log));
                assert!(*seen.entry(crash.hash).or_insert_with(|| plain.clone()) == plain, "one hash, two files");
            }
            if !window.advance() {
                break;
            }
        }
        let count = seen.len();
        let distinct: std::collections::BTreeSet<Vec<u8>> = seen.into_values().collect();
        assert_eq!(count, distinct.len(), "one file, two hashes");
    }
}

/// Lengths without data, data without lengths, garbage, and a write torn inside of a sector.
#[test]
fn window_has_every_kind_of_damage() {
    let log = [
        Operation::Write { offset: 0, bytes: vec![1; 1024] },
        Operation::Sync,
        Operation::Write { offset: 1024, bytes: vec![2; 1024] },
    ];
    let mut window = Window::new(Stage::new(), &[], &log);
    while window.advance() {}
    let pieces = window.pieces();
    assert_eq!(pieces.len(), 2);
    let mut look = |arrived: [bool; 2], length, fill, torn| {
        let crash = window.crash(&pieces, &Choice { arrived: arrived.to_vec(), length, fill, torn });
        window.disk(&crash).bytes()
    };
    let whole = [vec![1; 1024], vec![2; 1024]].concat();
    assert_eq!(look([true; 2], Length::Natural, 0, None), whole);
    assert_eq!(look([false; 2], Length::Natural, 0, None), whole[..1024]);
    assert_eq!(look([false; 2], Length::Full, 0, None), [vec![1; 1024], vec![0; 1024]].concat());
    assert_eq!(look([true, false], Length::Full, 0xA5, None), [vec![1; 1024], vec![2; 512], vec![0xA5; 512]].concat());
    assert_eq!(look([true; 2], Length::Short(0), 0, None), whole[..1024]);
    assert_eq!(look([true; 2], Length::Short(1_500), 0, None), whole[..1_500]);
    assert_eq!(look([true, true], Length::Natural, 0, Some((1, 3))), [vec![1; 1024], vec![2; 515], vec![0; 509]].concat());
}

/// Reordered is a state in which a write is there that was made behind one that is not: a growth, a cut or a punch that is missing, or that alone arrived, is none.
#[test]
fn window_counts_writes_alone_as_reordered() {
    let write = |offset| Operation::Write { offset, bytes: vec![1; SECTOR] };
    let log = [
        Operation::Reserve(Extent { offset: 0, len: 1 << 14 }),
        write(0),
        Operation::SetLen(1 << 15),
        write(4096),
        Operation::Punch(Extent { offset: 8192, len: 4096 }),
    ];
    let mut window = Window::new(Stage::new(), &[], &log);
    while window.advance() {}
    let pieces = window.pieces();
    let is_reordered = |arrived: [bool; 5]| window.crash(&pieces, &Choice::of(arrived.to_vec())).is_reordered;
    assert!(is_reordered([true, false, true, true, true]) && is_reordered([false, false, false, true, false]));
    assert!(!is_reordered([false, true, true, true, true]) && !is_reordered([true, true, false, true, false]));
    assert!(!is_reordered([true, true, true, false, true]) && !is_reordered([true, false, true, false, true]));
}

/// A disk that lies leaves everything in doubt.
#[test]
fn window_of_a_lying_disk_is_all_doubt() {
    let log = [Operation::Write { offset: 0, bytes: vec![1; 10] }, Operation::Sync];
    let mut window = Window::new(Stage::new(), &[], &log).lying();
    while window.advance() {}
    assert_eq!(window.pieces().len(), 1);
}
