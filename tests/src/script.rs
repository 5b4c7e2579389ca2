//! A store's lives in processes of their own: what such a process plays, drawn from a seed, and the words in which it reports.
//!
//! ```text
//!  witness (parent)                         player (child process)
//!  Script{seed, life} ─── arguments ──────► the same Script
//!  the same steps, on the model ◄── pipe ── try 7, done 3, durable 3 ...      one word a line
//! ```
//!
//! A word is in the pipe before the next thing is done, and the pipe outlives the process: what was reported is known whatever
//! becomes of the file. A last line without its end was never said.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use treering::Options;

use crate::drive;
use crate::seed::Seed;
use crate::workload::{Shape, Workload};

/// What is played: the store's options by the seed alone, the steps by seed and life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// The store's.
    pub seed: Seed,
    /// Which life of that store; 0 creates it.
    pub life: u64,
}

impl Script {
    /// How the store is opened in all its lives: the smallest of everything, and at random a thread, a second sync, compression, commits by seal.
    #[must_use]
    pub fn options(&self) -> Options {
        let mut rng = self.seed.part(1).rng();
        let mut options = drive::small_options()
            .background(rng.bool())
            .deferred_within(Duration::from_millis(1))
            .strict(rng.u32(..4) == 0)
            .lz4(rng.u32(..4) == 0);
        if rng.u32(..4) == 0 {
            options = options.record_bytes(2_000);
        }
        options
    }

    /// Whether a thread works in the background: then the order of system calls is nobody's.
    #[must_use]
    pub fn has_thread(&self) -> bool {
        self.seed.part(1).rng().bool()
    }

    /// The steps, without end.
    #[must_use]
    pub fn workload(&self) -> Workload {
        let shape = Shape { change_count_max: 24, step_percent: 45, value_len_max: 5_000, ..Shape::small() };
        Workload::new(self.seed.part(2).part(self.life), shape)
    }
}

/// One line of a player's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The store is open at this version.
    Opened(u64),
    /// The transaction of this step, counted from 0, is about to be made.
    Try(u64),
    /// It is committed; the version.
    Done(u64),
    /// Everything up to this version is on the medium.
    Durable(u64),
    /// The step failed.
    Failed {
        /// Whether the store takes no more writes.
        poisoned: bool,
        /// The error's kind.
        kind: String,
        /// What it said.
        message: String,
    },
    /// A promise was broken.
    Wrong(String),
    /// Everything was played, and the store closed.
    End,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| text.replace('\n', " / ");
        match self {
            Word::Opened(version) => write!(f, "opened {version}"),
            Word::Try(step) => write!(f, "try {step}"),
            Word::Done(version) => write!(f, "done {version}"),
            Word::Durable(version) => write!(f, "durable {version}"),
            Word::Failed { poisoned: true, kind, message } => write!(f, "poisoned {kind} {}", line(message)),
            Word::Failed { poisoned: false, kind, message } => write!(f, "failed {kind} {}", line(message)),
            Word::Wrong(message) => write!(f, "wrong {}", line(message)),
            Word::End => write!(f, "end"),
        }
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(line: &str) -> Result<Word, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = || rest.parse().map_err(|_| format!("no number in `{line}`"));
        let failed = |poisoned| {
            let (kind, message) = rest.split_once(' ').unwrap_or((rest, ""));
            Word::Failed { poisoned, kind: kind.to_owned(), message: message.to_owned() }
        };
        Ok(match word {
            "opened" => Word::Opened(number()?),
            "try" => Word::Try(number()?),
            "done" => Word::Done(number()?),
            "durable" => Word::Durable(number()?),
            "poisoned" => failed(true),
            "failed" => failed(false),
            "wrong" => Word::Wrong(rest.to_owned()),
            "end" => Word::End,
            _ => return Err(format!("a player said `{line}`")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said is heard.
    #[test]
    fn script_words_come_through_the_pipe() {
        let failed = |poisoned| Word::Failed { poisoned, kind: "Full".into(), message: "no room for 5 bytes".into() };
        let words = [Word::Opened(3), Word::Try(0), Word::Done(4), Word::Durable(4), failed(true), failed(false), Word::End];
        for word in words {
            assert_eq!(word.to_string().parse(), Ok(word));
        }
        assert_eq!(Word::Wrong("a\nb".into()).to_string().parse(), Ok(Word::Wrong("a / b".into())));
        assert!("running 1 test".parse::<Word>().is_err());
        assert!("done soon".parse::<Word>().is_err());
    }
}
