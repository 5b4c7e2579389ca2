//! One life of one store in a child process: played, cut off, judged.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use treering_tests::Witness;

use crate::tools::{Talk, actor};

/// When a life is cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after so many words.
    After {
        /// Words.
        words: u64,
        /// From the last of them on.
        micros: u64,
    },
    /// The process dies by itself, in the middle of its n-th change of the file.
    Inside(u64),
}

impl Moment {
    /// Any moment: half of them in the first steps, where recovery and the first headers are.
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Moment {
        match rng.u32(..8) {
            0 | 1 => Moment::Inside(rng.u64(..12)),
            2 => Moment::Inside(rng.u64(..120)),
            3 => Moment::After { words: 0, micros: rng.u64(..6_000) },
            4 | 5 => Moment::After { words: rng.u64(1..6), micros: rng.u64(..800) },
            _ => Moment::After { words: rng.u64(6..60), micros: rng.u64(..800) },
        }
    }
}

/// More steps than any life that is cut off.
const STEPS: u64 = 2_000;

/// The command that plays so many steps of the next life of the store at `path`.
pub(crate) fn play(witness: &Witness, path: &Path, steps: u64) -> Command {
    let script = witness.script();
    let mut command = actor("play", path);
    command.args([script.seed.number(), script.life, steps].map(|number| number.to_string()));
    command
}

/// Makes the command that runs a command.
pub(crate) type Through<'t> = dyn Fn(Command) -> Command + 't;

/// A life that is being played.
pub(crate) struct Life {
    talk: Talk,
}

impl Life {
    /// Starts the next life of the store at `path`.
    pub(crate) fn begin(witness: &Witness, path: &Path, moment: Moment, through: &Through<'_>) -> Life {
        let mut command = play(witness, path, STEPS);
        if let Moment::Inside(change) = moment {
            command.arg(change.to_string());
        }
        Life { talk: Talk::start(&mut through(command)) }
    }

    /// Hears the player until the moment has come, or until it says nothing more.
    pub(crate) fn reach(&mut self, witness: &mut Witness, moment: Moment) -> Result<(), String> {
        let words = if let Moment::After { words, .. } = moment { words } else { u64::MAX };
        for _ in 0..words {
            let Some(line) = self.talk.line() else { return Ok(()) };
            witness.hear(&line)?;
        }
        if let Moment::After { micros, .. } = moment {
            // The moment itself is what is drawn.
            std::thread::sleep(Duration::from_micros(micros));
        }
        Ok(())
    }

    /// Kills it, and hears what it had said until then; `on_ruins`: its medium was gone before.
    pub(crate) fn kill(mut self, witness: &mut Witness, on_ruins: bool) -> Result<(), String> {
        // It may have ended by itself.
        let _ = self.talk.child.kill();
        while let Some(line) = self.talk.line() {
            if on_ruins { witness.hear_of_ruins(&line) } else { witness.hear(&line) }?;
        }
        Ok(())
    }
}
