//! The control: on a disk that says that it has synced and has not, promises must be seen to break.

use std::panic::{AssertUnwindSafe, catch_unwind};

use treering_tests::Seed;
use treering_tests::disk::stage::Stage;
use treering_tests::window::{Choice, Window};

use crate::judge::Case;
use crate::lives;

/// A sync that returns and did nothing is noticed: in some state of most lives a promise is broken. Without the lie, in none: so it is the lie
/// that is seen.
#[test]
fn lying_disk_is_seen() {
    let seed = Seed::of("lying_disk_is_seen");
    let (mut lives_seen, mut states, mut broken) = (0, 0, 0);
    let count = 32;
    for n in 0..count {
        let plan = lives::plan(seed, n);
        let lived = plan.live().unwrap_or_else(|what| panic!("life {n}: {what}"));
        let log = lived.chronicle.disk().log();
        let mut seen = [0, 0];
        for lies in [false, true] {
            let mut rng = seed.part(n).rng();
            let window = Window::new(Stage::new(), &lived.before, &log);
            let mut window = if lies { window.lying() } else { window };
            while window.advance() {
                if window.end() < lived.opened_at || !window.end().is_multiple_of(4) {
                    continue;
                }
                let pieces = window.pieces();
                let half = pieces.iter().map(|_| rng.bool()).collect();
                for arrived in [vec![false; pieces.len()], half] {
                    let crash = window.crash(&pieces, &Choice::of(arrived));
                    let model = lived.chronicle.model_at(window.end());
                    let case = Case { options: &plan.options, model, attempt: None, is_filled: false, closely: false };
                    let disk = window.disk(&crash);
                    let judged = catch_unwind(AssertUnwindSafe(|| case.judge(&disk)));
                    seen[usize::from(lies)] += usize::from(!matches!(judged, Ok(Ok(_))));
                    states += usize::from(lies);
                }
            }
        }
        assert_eq!(seen[0], 0, "life {n} of TREERING_SEED={}: an honest disk breaks nothing", seed.number());
        broken += seen[1];
        lives_seen += usize::from(seen[1] > 0);
    }
    assert!(lives_seen * 10 >= count as usize * 9, "the lie is seen in {lives_seen} of {count} lives");
    assert!(broken * 4 >= states, "the lie is seen in {broken} of {states} states");
}
