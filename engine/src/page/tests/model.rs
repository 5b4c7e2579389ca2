//! A page against a sorted vector under random changes.

use super::*;

/// The seed of this run: `TREERING_SEED`, or a fixed one. It is printed, so that a failure shows it.
#[allow(clippy::print_stderr)]
fn seeds() -> impl Iterator<Item = u64> {
    let given = std::env::var("TREERING_SEED").ok().and_then(|seed| seed.parse().ok());
    let rounds = if cfg!(miri) { 2 } else { 60 };
    given.map_or(0..rounds, |seed| seed..seed + 1).inspect(|seed| eprintln!("TREERING_SEED={seed}"))
}

/// A key out of few letters, so that heads and prefixes are often equal; sometimes a long one.
fn random_key(random: &mut Random, style: usize) -> Vec<u8> {
    let letters = b"\0\0ab\xff";
    let mut key = match (style, random.below(40)) {
        (1, 1..) => b"tenant/7/".to_vec(),
        (2, 1..) => vec![0xff; 9],
        _ => Vec::new(),
    };
    let bound = if random.below(50) == 0 { 300 } else { 9 };
    for _ in 0..random.below(bound) {
        key.push(letters[random.below(letters.len())]);
    }
    key
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Inline(Vec<u8>),
    Large(u64, u64),
}

impl Value {
    fn random(random: &mut Random) -> Value {
        match random.below(10) {
            0 => Value::Large((1 << 24) + random.next() % 1000, random.next() % 1000),
            1 => Value::Inline(vec![]),
            _ => Value::Inline(vec![random.next() as u8; random.below(60)]),
        }
    }

    fn item(&self) -> Item<'_> {
        match self {
            Value::Inline(bytes) => Item::Inline(bytes),
            Value::Large(at, len) => Item::Large { at: Position(*at), len: *len },
        }
    }
}

type Entries = Vec<(Vec<u8>, Value)>;

fn assert_leaf(page: Page<'_>, model: &Entries) {
    assert_eq!(page.count(), model.len());
    for (i, (key, value)) in model.iter().enumerate() {
        assert_eq!(page.key(i).unwrap().as_slice(), key);
        assert_eq!(page.item(i).unwrap(), value.item());
        assert_eq!(page.search(key).unwrap(), Ok(i));
        assert!(page.compare(i, key).unwrap().is_eq());
    }
}

/// The page as it is, packed, unpacked from LZ4 and copied all hold the model.
fn assert_forms(leaf: &mut PageBuf, check: impl Fn(Page<'_>)) {
    check(leaf.page());
    let bytes = packed(leaf);
    let stored = Page::verify(&bytes, AT).unwrap();
    check(stored);
    check(PageBuf::copy_of(stored, 4096).unwrap().page());
    check(PageBuf::copy_of(leaf.page(), 0).unwrap().page());
    let mut lz4 = Vec::new();
    let compressed = leaf.page().pack_lz4_into(&mut lz4).unwrap();
    assert!(compressed || lz4 == bytes);
    let mut unpacked = Page::verify(&lz4, AT).unwrap().unpack().unwrap();
    check(unpacked.page());
    assert_eq!(packed(&mut unpacked), bytes, "a stored page packs to itself");
}

fn change_leaf(leaf: &mut PageBuf, model: &mut Entries, random: &mut Random, style: usize) {
    let key = random_key(random, style);
    let place = model.binary_search_by(|(k, _)| k.as_slice().cmp(&key));
    assert_eq!(leaf.page().search(&key).unwrap(), place);
    let value = Value::random(random);
    let (len, used, prefix_fits) = (leaf.bytes().len(), leaf.used(), key.starts_with(leaf.page().prefix()));
    let most = 24 + key.len() + 60 + 8;
    match (place, random.below(10)) {
        (Err(i), 0..8) => match leaf.insert(i, &key, value.item()).unwrap() {
            true => model.insert(i, (key, value)),
            false => assert!(used + most > len || !prefix_fits, "{used} of {len} are used"),
        },
        (Ok(i), 0..6) => match leaf.replace(i, value.item()).unwrap() {
            true => model[i].1 = value,
            false => assert!(used + most > len),
        },
        (Ok(i), _) => {
            leaf.remove(i).unwrap();
            model.remove(i);
        }
        (Err(i), _) => {
            if i < model.len() {
                leaf.remove(i).unwrap();
                model.remove(i);
            }
        }
    }
}

/// Splits both, checks the halves, and goes on with one of them or with both put together again.
fn split_leaf(leaf: &mut PageBuf, model: &mut Entries, random: &mut Random) {
    if model.len() < 2 {
        return;
    }
    let at = if random.below(2) == 0 { leaf.split_point().unwrap() } else { 1 + random.below(model.len() - 1) };
    let (mut right, separator) = leaf.split_off(at).unwrap();
    let right_model = model.split_off(at);
    assert!(model[at - 1].0 < separator && separator <= right_model[0].0);
    assert_forms(leaf, |page| assert_leaf(page, model));
    assert_forms(&mut right, |page| assert_leaf(page, &right_model));
    match random.below(4) {
        0 => {}
        1 => (*leaf, *model) = (right, right_model),
        _ => {
            let page_len = if random.below(4) == 0 { leaf.used() } else { leaf.bytes().len() + 64 };
            if leaf.append(right.page(), &separator, page_len).unwrap() {
                assert_eq!(leaf.bytes().len(), page_len.next_multiple_of(64));
                model.extend(right_model);
            }
        }
    }
}

/// Whatever the changes, a leaf holds what the model holds.
#[test]
fn leaf_equals_model() {
    for seed in seeds() {
        let mut random = Random(seed);
        let style = random.below(3);
        let page_len = [256, 1024, 4096, 16384][random.below(4)];
        let (mut leaf, mut model) = (PageBuf::leaf(page_len, TABLE), Entries::new());
        for step in 0..if cfg!(miri) { 150 } else { 1500 } {
            change_leaf(&mut leaf, &mut model, &mut random, style);
            match random.below(200) {
                0 => split_leaf(&mut leaf, &mut model, &mut random),
                1 => leaf = PageBuf::copy_of(leaf.page(), page_len).unwrap(),
                2 => {
                    let bytes = packed(&mut leaf);
                    leaf = PageBuf::copy_of(Page::verify(&bytes, AT).unwrap(), page_len).unwrap();
                }
                3 => leaf.grow(page_len * 2),
                _ => {}
            }
            if step % 50 == 0 {
                assert_forms(&mut leaf, |page| assert_leaf(page, &model));
            }
        }
        assert_forms(&mut leaf, |page| assert_leaf(page, &model));
    }
}

type Children = Vec<(Vec<u8>, u64, u64)>;

fn assert_branch(page: Page<'_>, model: &Children) {
    assert_eq!(page.count(), model.len());
    for (i, (key, child, entries)) in model.iter().enumerate() {
        assert_eq!(page.key(i).unwrap().as_slice(), key);
        assert_eq!((page.child(i).unwrap(), page.entries(i).unwrap()), (Position(*child), *entries));
        assert_eq!(page.child_for(key).unwrap(), i);
        assert!(page.compare(i, key).unwrap().is_eq());
    }
    assert_eq!(page.total_entries().unwrap(), model.iter().map(|child| child.2).sum::<u64>());
}

fn change_branch(branch: &mut PageBuf, model: &mut Children, random: &mut Random, style: usize) {
    let key = random_key(random, style);
    let place = model.binary_search_by(|(k, ..)| k.as_slice().cmp(&key));
    assert_eq!(branch.page().search(&key).unwrap(), place);
    assert_eq!(branch.page().child_for(&key).unwrap(), place.unwrap_or_else(|i| i - 1));
    let (child, entries) = ((1 << 24) + random.next() % 1000, random.next() % 1000);
    match (place, random.below(10)) {
        (Err(i), 0..7) => match branch.insert_child(i, &key, Position(child), entries).unwrap() {
            true => model.insert(i, (key, child, entries)),
            false => assert!(
                branch.used() + 28 * 2 + key.len() * 2 + 8 > branch.bytes().len() || !key.starts_with(branch.page().prefix())
            ),
        },
        // Between its neighbours: the order stays.
        (Err(i), 7) if i > 1 => match branch.set_separator(i - 1, &key).unwrap() {
            true => model[i - 1].0 = key,
            false => assert!(branch.used() + key.len() + 8 > branch.bytes().len() || !key.starts_with(branch.page().prefix())),
        },
        (Ok(i), 0..4) => {
            branch.set_child(i, Position(child));
            branch.set_entries(i, entries);
            (model[i].1, model[i].2) = (child, entries);
        }
        (Ok(i) | Err(i), _) if model.len() > 1 => {
            let i = if random.below(10) == 0 { 0 } else { i.min(model.len() - 1) };
            branch.remove_child(i).unwrap();
            model.remove(i);
            model[0].0.clear();
        }
        _ => {}
    }
}

fn split_branch(branch: &mut PageBuf, model: &mut Children, random: &mut Random) {
    if model.len() < 2 {
        return;
    }
    let at = if random.below(2) == 0 { branch.split_point().unwrap() } else { 1 + random.below(model.len() - 1) };
    let (mut right, separator) = branch.split_off(at).unwrap();
    let mut right_model = model.split_off(at);
    assert_eq!(std::mem::take(&mut right_model[0].0), separator);
    assert_forms(branch, |page| assert_branch(page, model));
    assert_forms(&mut right, |page| assert_branch(page, &right_model));
    match random.below(4) {
        0 => {}
        1 => (*branch, *model) = (right, right_model),
        _ => {
            if branch.append(right.page(), &separator, branch.bytes().len() + 64).unwrap() {
                right_model[0].0 = separator;
                model.extend(right_model);
            }
        }
    }
}

/// Whatever the changes, a branch holds what the model holds, and its separator 0 is the empty key.
#[test]
fn branch_equals_model() {
    for seed in seeds() {
        let mut random = Random(seed);
        let style = random.below(3);
        let page_len = [256, 1024, 4096, 16384][random.below(4)];
        let (mut branch, mut model) = (PageBuf::branch(page_len, TABLE, 1), vec![(vec![], 1 << 24, 3)]);
        assert!(branch.insert_child(0, b"", Position(1 << 24), 3).unwrap());
        for step in 0..if cfg!(miri) { 150 } else { 1500 } {
            change_branch(&mut branch, &mut model, &mut random, style);
            match random.below(200) {
                0 => split_branch(&mut branch, &mut model, &mut random),
                1 => branch = PageBuf::copy_of(branch.page(), page_len).unwrap(),
                2 => {
                    let bytes = packed(&mut branch);
                    branch = PageBuf::copy_of(Page::verify(&bytes, AT).unwrap(), page_len).unwrap();
                }
                _ => {}
            }
            if step % 50 == 0 {
                assert_forms(&mut branch, |page| assert_branch(page, &model));
            }
        }
        assert_forms(&mut branch, |page| assert_branch(page, &model));
    }
}
