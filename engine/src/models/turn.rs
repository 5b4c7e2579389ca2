//! The writer's turn: one at a time, first come first served, nobody forgotten, with and without time limits (L5).

use std::sync::Arc;
use std::time::Instant;

use super::{join, model, spawn};
use crate::sync::Mutex;
use crate::sync::checker::fault::Fault;
use crate::sync::checker::memory;
use crate::sync::turn::Turn;

/// What the turn guards: two at once is a race that the checker sees.
fn work(turn: &Turn) {
    memory::rewritten(std::ptr::from_ref(turn));
}

/// One holds the turn, two wait, one of them for a limited time. Checked: never two at once; whoever waits without a limit gets it; whoever
/// gives up leaves nothing behind, also when it is handed the turn at that moment; in the end the turn is free.
/// Three threads, one turn each.
fn giving_up() {
    let turn = Arc::new(Turn::default());
    memory::made(Arc::as_ptr(&turn));
    let first = turn.take(None).expect("free");
    let patient = {
        let turn = Arc::clone(&turn);
        spawn(move || {
            let _held = turn.take(None).expect("no limit");
            work(&turn);
        })
    };
    let hasty = {
        let turn = Arc::clone(&turn);
        spawn(move || {
            if let Some(_held) = turn.take(Some(Instant::now())) {
                work(&turn);
            }
        })
    };
    work(&turn);
    drop(first);
    join(patient);
    join(hasty);
    assert!(turn.try_take().is_some(), "nobody has the turn, and nobody can take it");
    assert_eq!(turn.waiting(), 0);
}

/// Two wait in a known order, a newcomer tries. Checked: the turn goes to the longest waiting; the newcomer does not overtake.
/// Three threads, one turn each.
fn in_order() {
    let (turn, order) = (Arc::new(Turn::default()), Arc::new(Mutex::new(Vec::new())));
    let first = turn.take(None).expect("free");
    let waiter = |name: u8, place: usize| {
        let thread = {
            let (turn, order) = (Arc::clone(&turn), Arc::clone(&order));
            spawn(move || {
                let _held = turn.take(None).expect("no limit");
                order.lock().push(name);
            })
        };
        while turn.waiting() < place {
            loom::thread::yield_now();
        }
        thread
    };
    let (second, third) = (waiter(2, 1), waiter(3, 2));
    drop(first);
    if let Some(_held) = turn.try_take() {
        assert_eq!(*order.lock(), [2, 3], "a newcomer overtook");
    }
    join(second);
    join(third);
    assert_eq!(*order.lock(), [2, 3]);
}

/// L5: the turn is given to one at a time, and a time limit that runs out at any moment loses nothing.
#[test]
fn l5_turn_with_time_limits() {
    model("turn, time limits").with_time().check(giving_up);
}

/// L5: the longest waiting is next.
#[test]
fn l5_turn_in_order() {
    model("turn, order").check(in_order);
}

/// The model notices when who gives up does not look whether the turn was handed to it at that moment.
#[test]
#[should_panic(expected = "nobody has the turn")]
fn l5_turn_lost_by_giving_up_is_noticed() {
    model("turn").with_time().broken(Fault::GrantOverlooked).check(giving_up);
}

/// The model notices a lost wake-up.
#[test]
#[should_panic(expected = "deadlock")]
fn l5_turn_without_wake_up_is_noticed() {
    model("turn").broken(Fault::Deaf { file: "sync/turn.rs" }).check(in_order);
}

/// The model notices a turn that a newcomer can catch.
#[test]
#[should_panic(expected = "a newcomer overtook")]
fn l5_turn_let_go_is_noticed() {
    model("turn").broken(Fault::TurnLetGo).check(in_order);
}
