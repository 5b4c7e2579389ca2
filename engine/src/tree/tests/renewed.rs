//! Pages that get new positions, and the branches above leaves.

use super::*;

/// Every page of the tree, with its kind.
fn pages_of(memory: &Memory, root: &Root) -> Vec<Position> {
    let mut pages = Vec::new();
    walk(memory, root, &mut |_| true, &mut |at, _| {
        pages.push(at);
        Ok(())
    })
    .unwrap();
    pages
}

fn place(memory: &Memory, at: Position) -> Place {
    Place::of(memory, memory.page(at).unwrap()).unwrap()
}

/// Whatever pages are given new positions, in whatever order: the tree reads the same, is sound, and reaches none of them where it stood; the root before reads what it read. A page that is not reached
/// any more is left alone.
#[test]
fn l1_renewed_pages_change_nothing() {
    for (seed, keys) in [Keys::Short, Keys::Long, Keys::Prefixed, Keys::Tiny].into_iter().cycle().enumerate().take(24) {
        let (mut memory, mut root, mut model) = (Memory::default(), Root::default(), Model::new());
        let mut random = Random(seed as u64);
        for _ in 0..4 {
            change(&mut memory, &mut root, &mut model, &mut random, keys);
        }
        memory.freeze();
        let old = root;
        let mut chosen: Vec<Place> = pages_of(&memory, &root).into_iter().map(|at| place(&memory, at)).collect();
        assert!(chosen.iter().all(|place| reaches(&memory, &root, place).unwrap()), "seed {seed}");
        let share = 1 + random.below(8);
        chosen.retain(|_| random.one_in(share));
        while !chosen.is_empty() {
            let place = chosen.swap_remove(random.below(chosen.len()));
            // A page above another one may have been copied with it.
            let reached = reaches(&memory, &root, &place).unwrap();
            assert_eq!(renew(&mut memory, &mut root, &place).unwrap(), reached, "seed {seed}, {place:?}");
            assert!(!reaches(&memory, &root, &place).unwrap() && memory.retired.contains(&place.at), "seed {seed}, {place:?}");
            let reads = memory.pages.len();
            assert!(!renew(&mut memory, &mut root, &place).unwrap() && memory.pages.len() == reads);
        }
        memory.check(&root);
        compare(&memory, &root, &model, &mut random, keys);
        check(&memory, &old, TABLE, &mut |_, _| {}).unwrap();
        compare(&memory, &old, &model, &mut random, keys);
    }
}

/// A branch with a single child is found by what is below it; if that is gone, nobody can say where the branch stood.
#[test]
fn single_children_lead_to_their_branch() {
    let (mut memory, root) = inserted(0..2000);
    memory.freeze();
    let leaf = pages_of(&memory, &root)[0];
    let mut branch = PageBuf::branch(PAGE_LEN, TABLE, 1);
    assert!(branch.insert_child(0, &[], leaf, 1).unwrap());
    let at = memory.add(branch).unwrap();
    assert_eq!(place(&memory, at).key, place(&memory, leaf).key);
    memory.pages.remove(&leaf);
    let page = memory.page(at).unwrap();
    assert_eq!(Place::of(&memory, page).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// The branches above leaves come in order, from wherever one begins, with a key that leads to their first child; together they name every leaf once.
#[test]
fn families_name_every_leaf_in_order() {
    for count in [1, 5, 500, 30_000] {
        let (memory, root) = inserted(0..count);
        let mut named: Vec<(Vec<u8>, Position, Vec<Position>)> = Vec::new();
        families(&memory, &root, &[], &mut |low, page| {
            let children = (0..page.count()).map(|i| page.child(i)).collect::<Result<_>>()?;
            named.push((low.to_vec(), page.position(), children));
            Ok(true)
        })
        .unwrap();
        let leaves: Vec<_> = pages_of(&memory, &root).into_iter().filter(|at| memory.page(*at).unwrap().level() == 0).collect();
        let all: Vec<_> = named.iter().flat_map(|(_, _, children)| children.iter().copied()).collect();
        assert!(all == leaves || (root.height == 1 && all.is_empty()), "{count}");
        for (n, (low, at, children)) in named.iter().enumerate() {
            let first = Place { at: children[0], level: 0, is_large: false, key: low.clone() };
            assert!(reaches(&memory, &root, &first).unwrap());
            // From a key in the middle of it, and only this one.
            let from = place(&memory, children[children.len() / 2]).key;
            let mut found = Vec::new();
            families(&memory, &root, &from, &mut |low, page| {
                found.push((low.to_vec(), page.position()));
                Ok(false)
            })
            .unwrap();
            assert_eq!(found, [(low.clone(), *at)], "{n} of {count}");
        }
    }
}
