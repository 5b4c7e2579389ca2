//! A shorter run that fails too.
//!
//! Halves, then quarters, then ever smaller pieces of the run are left out for as long as it still fails. Works on any list whose
//! parts make sense alone, as steps and changes do.

/// The shortest list found for which `fails` holds, trying at most `budget` shorter ones. `items` itself must fail.
pub fn shrink<T: Clone>(items: &[T], budget: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut best = items.to_vec();
    let mut piece = best.len().div_ceil(2);
    let mut left = budget;
    while piece > 0 && !best.is_empty() {
        let mut at = 0;
        let mut shorter = false;
        while at < best.len() {
            if left == 0 {
                return best;
            }
            left -= 1;
            let end = (at + piece).min(best.len());
            let tried = [&best[..at], &best[end..]].concat();
            if fails(&tried) {
                best = tried;
                shorter = true;
            } else {
                at = end;
            }
        }
        // Leaving one piece out may allow another to go: the last size is repeated until nothing goes.
        if piece > 1 || !shorter {
            piece /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left fails and nothing of it can go.
    #[test]
    fn shrink_finds_what_matters() {
        let items: Vec<u32> = (0..100).collect();
        let fails = |list: &[u32]| list.contains(&17) && list.contains(&71);
        assert_eq!(shrink(&items, 1_000, fails), [17, 71]);
        assert_eq!(shrink(&items, 1_000, |_| true), []);
        assert_eq!(shrink(&items, 1_000, |list| list.len() == 100), items);
    }

    /// It stops when its budget is used up, with something that fails.
    #[test]
    fn shrink_keeps_to_its_budget() {
        let mut tried = 0;
        let found = shrink(&(0..100).collect::<Vec<u32>>(), 5, |list| {
            tried += 1;
            list.contains(&99)
        });
        assert!(tried == 5 && found.contains(&99));
    }
}
