//! What people write: the lists of a cluster trace, and keys and values as text on the command line.

#[path = "../../../cli/src/text/escape.rs"]
mod escape;

use std::path::Path;

use treering_scheduler::trace::{OnBadLine, parse_nodes, parse_pods};

use super::take::Take;

/// The first byte says as what the rest is read.
///
/// # Panics
/// If bytes do not come back from their text, or a line is lost.
pub fn run(input: &[u8]) {
    let mut take = Take::new(input);
    let mode = take.u8();
    let (bytes, file) = (take.rest(), Path::new("list.csv"));
    let on_bad_line = if mode & 8 == 0 { OnBadLine::Skip } else { OnBadLine::Refuse };
    match mode & 7 {
        0..=2 => {
            if let Ok(list) = parse_pods(bytes, file, on_bad_line) {
                assert!(
                    list.items.iter().all(|pod| pod.deleted.is_none_or(|deleted| deleted >= pod.created)),
                    "{:?}",
                    list.items
                );
                assert!(list.bad_lines.iter().all(|bad| bad.line > 1 && !bad.to_string().is_empty()), "{:?}", list.bad_lines);
            }
        }
        3..=4 => {
            if let Ok(list) = parse_nodes(bytes, file, on_bad_line) {
                assert!(list.bad_lines.iter().all(|bad| bad.line > 1 && !bad.to_string().is_empty()), "{:?}", list.bad_lines);
            }
        }
        5 => {
            let text = escape::escape(bytes);
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert_eq!(escape::unescape(&text).as_deref(), Ok(bytes), "{text}");
            assert_eq!(escape::from_hex(&escape::to_hex(bytes)).as_deref(), Ok(bytes));
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(parsed) = escape::unescape(&text) {
                assert!(parsed.len() <= text.len());
            }
            if let Ok(parsed) = escape::from_hex(&text) {
                assert_eq!(escape::to_hex(&parsed), text.to_lowercase());
            }
        }
    }
}
