//! Who hears what a player promised, and judges the file that it left behind.
//!
//! The witness plays the same script on the model, as far as the player said it came. It never asks the store what was
//! acknowledged: that stands in the pipe alone.

use std::path::Path;

use treering::ErrorKind;

use crate::checked::Sound;
use crate::drive;
use crate::model::{Draft, Model};
use crate::script::{Script, Word};
use crate::seed::Seed;
use crate::workload::{Durability, Step, Workload};

/// So many of a life's last words are shown when its promises were not kept.
const LAST: usize = 12;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process goes, the system stays: whatever was handed to the system is there.
    Kill,
    /// The system goes: what is on the medium is there.
    PowerCut,
}

/// One store through all its lives.
pub struct Witness {
    script: Script,
    ending: Ending,
    model: Model,
    /// Whether it was ever said to be open: from then on there is a store.
    is_created: bool,
    play: Option<Play>,
}

/// The life that is being played.
struct Play {
    workload: Workload,
    /// Steps drawn so far.
    steps: u64,
    /// The transaction that was tried and of which nothing else was said.
    pending: Option<(Durability, Draft)>,
    /// What was heard, for who must find out why it is not so.
    said: Vec<String>,
    failures: Vec<(String, bool)>,
    has_ended: bool,
}

/// What a life came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Words heard.
    pub words: u64,
    /// Kinds of what failed, and whether that poisoned the store.
    pub failures: Vec<(String, bool)>,
    /// Whether the script was played to its end.
    pub has_ended: bool,
    /// Whether a transaction was under way, of which nobody knew whether it is there.
    pub was_in_doubt: bool,
    /// Whether it was there.
    pub survived: bool,
}

impl Witness {
    /// A store that does not exist yet.
    #[must_use]
    pub fn new(seed: Seed, ending: Ending) -> Witness {
        Witness { script: Script { seed, life: 0 }, ending, model: Model::new(), is_created: false, play: None }
    }

    /// The script of the next life.
    #[must_use]
    pub fn script(&self) -> Script {
        self.script
    }

    /// What the store must hold.
    #[must_use]
    pub fn model(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Hears a line.
    ///
    /// # Errors
    /// If it says that a promise was broken, or says something that breaks one.
    pub fn hear(&mut self, line: &str) -> Result<(), String> {
        let word: Word = line.parse()?;
        let script = self.script;
        let fresh = || Play {
            workload: script.workload(),
            steps: 0,
            pending: None,
            said: Vec::new(),
            failures: Vec::new(),
            has_ended: false,
        };
        let mut play = self.play.take().unwrap_or_else(fresh);
        play.said.push(line.to_owned());
        let heard = self.understand(&mut play, word);
        self.play = Some(play);
        heard.map_err(|what| format!("`{line}`: {what}"))
    }

    /// Hears a line that was said when the medium was gone already, or failed: what a player cannot read there is no broken promise, but what it acknowledges counts.
    ///
    /// # Errors
    /// As [`Witness::hear`].
    pub fn hear_of_ruins(&mut self, line: &str) -> Result<(), String> {
        if matches!(line.parse(), Ok(Word::Wrong(_))) { Ok(()) } else { self.hear(line) }
    }

    fn understand(&mut self, play: &mut Play, word: Word) -> Result<(), String> {
        let newest = self.model.newest().0;
        match word {
            Word::Opened(version) if version == newest => self.is_created = true,
            Word::Opened(_) => return Err(format!("the newest version is {newest}")),
            Word::Try(step) => play.pending = Some(self.draw(play, step)?),
            Word::Done(version) => {
                let (durability, draft) = play.pending.take().ok_or("nothing was tried")?;
                self.done(version, durability, draft)?;
            }
            Word::Durable(version) if version <= newest => self.model.synced(version),
            Word::Durable(_) => return Err(format!("the newest version is {newest}")),
            Word::Failed { poisoned, kind, .. } => {
                if !poisoned {
                    // Nothing happened.
                    play.pending = None;
                }
                play.failures.push((kind, poisoned));
            }
            Word::Wrong(message) => return Err(message),
            Word::End => play.has_ended = true,
        }
        Ok(())
    }

    /// The transaction of a step, on the model.
    fn draw(&self, play: &mut Play, step: u64) -> Result<(Durability, Draft), String> {
        let mut drawn = None;
        while play.steps <= step {
            drawn = Some(play.workload.step());
            play.steps += 1;
        }
        let Some(Step::Commit { durability, changes }) = drawn else { return Err("that step is no commit".into()) };
        let mut draft = self.model.begin();
        changes.iter().for_each(|change| drop(draft.apply(change)));
        Ok((durability, draft))
    }

    fn done(&mut self, version: u64, durability: Durability, draft: Draft) -> Result<(), String> {
        let (newest, state) = self.model.newest();
        if version == newest {
            // Nothing was changed: what is there already is as safe as it was asked to be.
            return match state.difference(draft.state()) {
                Some(difference) => Err(format!("no version was made, but {difference}")),
                None => Ok(()),
            };
        }
        if version != newest + 1 {
            return Err(format!("the version before was {newest}"));
        }
        self.model.commit(version, draft);
        let lasts = match durability {
            Durability::Synced => true,
            Durability::Deferred => self.ending == Ending::Kill,
            Durability::Memory => false,
        };
        if lasts {
            self.model.synced(version);
        }
        Ok(())
    }

    /// The life is over: opens what it left for reading, and holds it against everything that was said (L3). The next life may begin.
    ///
    /// # Errors
    /// The first broken promise.
    pub fn judge(&mut self, path: &Path) -> Result<Played, String> {
        let newest = self.model.newest().0;
        let (mut played, mut said) = (Played::default(), Vec::new());
        if let Some(mut play) = self.play.take() {
            played.was_in_doubt = play.pending.is_some();
            if let Some((_, draft)) = play.pending.take() {
                self.model.commit(newest + 1, draft);
            }
            (played.words, played.failures, played.has_ended) = (play.said.len() as u64, play.failures, play.has_ended);
            said = play.said.split_off(play.said.len().saturating_sub(LAST));
        }
        self.script.life += 1;
        let store = match self.script.options().open_read_only(path) {
            Ok(store) => store,
            // Creation did not come far enough: there is nothing yet, or nothing that is a store.
            Err(e) if !self.is_created && is_absent(e.kind()) => return Ok(played),
            Err(e) => return Err(format!("open for reading: {e:?}")),
        };
        self.is_created = true;
        let version = store.version();
        played.survived = played.was_in_doubt && version == newest + 1;
        let told = |what| format!("{what}\nlast words: {}\n{:?}", said.join(", "), store.open_report());
        drive::compare(&store.snapshot(), self.model.recovered(version).map_err(told)?).map_err(told)?;
        let problems = store.problems();
        if problems.is_empty() { Ok(played) } else { Err(format!("not sound:\n{}", problems.join("\n"))) }
    }

    /// Life goes on: opens the store for writing, commits, closes it cleanly, and looks at it again.
    ///
    /// # Errors
    /// The first broken promise.
    pub fn live_on(&mut self, path: &Path) -> Result<(), String> {
        let say = |what: &'static str| move |e: treering::Error| format!("{what}: {e:?}");
        let options = self.script.options().background(false);
        let store = options.open(path).map_err(say("open for writing"))?;
        let version = store.version();
        if version != self.model.newest().0 {
            return Err(format!("opened for writing at version {version}, for reading at {}", self.model.newest().0));
        }
        self.is_created = true;
        let changes = self.script.seed.part(3).part(self.script.life);
        let changes = Workload::new(changes, crate::workload::Shape::tiny()).changes();
        let version = drive::commit(&store, &mut self.model, Durability::Synced, &changes)?;
        store.close().map_err(say("close"))?;
        self.model.synced(version);
        let store = options.open_read_only(path).map_err(say("open again"))?;
        if !store.open_report().clean {
            return Err("a store that was closed is not clean".into());
        }
        drive::compare(&store.snapshot(), self.model.recovered(store.version())?)?;
        let problems = store.problems();
        if problems.is_empty() { Ok(()) } else { Err(format!("not sound after life went on:\n{}", problems.join("\n"))) }
    }
}

/// What opening says of a file whose creation was cut short.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotAStore | ErrorKind::Corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    /// Plays the first life of a script to its n-th commit without a pipe; gives what was said.
    fn first_commits(witness: &Witness, path: &Path, count: usize) -> Vec<String> {
        let script = witness.script();
        let store = script.options().background(false).open(path).expect("create");
        let mut said = vec![Word::Opened(0).to_string()];
        let (mut workload, mut commits) = (script.workload(), 0);
        for n in 0.. {
            let Step::Commit { changes, .. } = workload.step() else { continue };
            let mut writer = drive::Writer::begin(&store).expect("the turn");
            changes.iter().for_each(|change| drop(writer.apply(change).expect("a change")));
            let version = writer.txn.commit().expect("a commit");
            said.extend([Word::Try(n).to_string(), Word::Done(version).to_string()]);
            commits += 1;
            if commits == count {
                break;
            }
        }
        said
    }

    /// A store that kept its promises passes, in every life.
    #[test]
    fn witness_lets_a_sound_store_pass() {
        let (folder, mut witness) = (Folder::new(), Witness::new(Seed::from_number(1), Ending::Kill));
        let path = folder.file("a.ring");
        for line in first_commits(&witness, &path, 6) {
            witness.hear(&line).expect("nothing is wrong");
        }
        let played = witness.judge(&path).expect("it is sound");
        assert!(played.words == 13 && !played.was_in_doubt, "{played:?}");
        witness.live_on(&path).expect("it goes on");
    }

    /// An acknowledged commit that is not there, and one that nobody tried, are found.
    #[test]
    fn witness_catches_a_lost_and_an_invented_commit() {
        let folder = Folder::new();
        let said = first_commits(&Witness::new(Seed::from_number(1), Ending::Kill), &folder.file("a.ring"), 6);
        let judge = |said: &[String], path: &Path| {
            let mut witness = Witness::new(Seed::from_number(1), Ending::Kill);
            said.iter().for_each(|line| witness.hear(line).expect("it fits"));
            witness.judge(path).expect_err("it is wrong")
        };
        let fewer = folder.file("fewer.ring");
        let short = first_commits(&Witness::new(Seed::from_number(1), Ending::Kill), &fewer, 3);
        assert!(judge(&said, &fewer).contains("is not between"));
        assert!(judge(&short, &folder.file("a.ring")).contains("is not between"));
        assert!(judge(&said, &folder.file("nothing.ring")).contains("open for reading"));
    }

    /// What a player says must fit its script and what it said before.
    #[test]
    fn witness_catches_words_that_do_not_fit() {
        for said in [&["opened 1"][..], &["opened 0", "done 1"], &["durable 1"], &["wrong all"], &["opened 0", "try 0", "done 2"]]
        {
            let mut witness = Witness::new(Seed::from_number(1), Ending::Kill);
            assert!(said.iter().any(|line| witness.hear(line).is_err()), "{said:?}");
        }
    }
}
