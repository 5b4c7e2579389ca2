//! What was recorded of a run of many threads, and its judge.
//!
//! Versions are numbers that the engine tells, so nothing has to be inferred: the commits in the order of their versions, done one after the other on the model, are
//! the only history that is right, and everybody must have seen exactly that.
//!
//! 1. Order: each version from 2 on was made by one transaction; none is missing, none is beyond the last.
//! 2. Serial: a transaction that made version v saw what is in v - 1, and decided what its plan decides there; one that made nothing saw the version that it read.
//! 3. Whole: a snapshot holds its version in all tables, and reads the same as often as it is read.
//! 4. Real time: nothing that begins sees less than anything that had ended before, whichever thread it was; nothing sees a commit that was not called yet.
//! 5. Published: what was seen or made is published by then (L2).

use treering_tests::{Change, Model, State};

use crate::plan::{Plan, Transcript};

/// Something that one thread did. Times are those of one counter that all threads share.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) thread: usize,
    /// Before it did anything.
    pub(crate) begun: u64,
    /// When its changes, if any, were known to nobody else.
    pub(crate) called: u64,
    /// When it had its version.
    pub(crate) ended: u64,
    /// The newest published version behind that.
    pub(crate) published: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A snapshot, read at once and again later.
    Snapshot { version: u64, first: State, again: State },
    /// A transaction that read version `read` (the last time, if it ran twice).
    Transaction { plan: Plan, transcript: Transcript, read: u64, made: Option<u64> },
}

/// A whole run.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// What version 1 was made of.
    pub(crate) setup: Vec<Change>,
    pub(crate) events: Vec<Event>,
    /// What was there at the end.
    pub(crate) end: (u64, State),
}

impl Event {
    /// The version that it saw or made.
    pub(crate) fn version(&self) -> u64 {
        match &self.what {
            What::Snapshot { version, .. } => *version,
            What::Transaction { read, made, .. } => made.unwrap_or(*read),
        }
    }

    pub(crate) fn made(&self) -> Option<u64> {
        match &self.what {
            What::Snapshot { .. } => None,
            What::Transaction { made, .. } => *made,
        }
    }

    /// For a person.
    fn name(&self) -> String {
        let Event { thread, begun, ended, .. } = self;
        let what = match &self.what {
            What::Snapshot { version, .. } => format!("snapshot of version {version}"),
            What::Transaction { plan, read, made, .. } => format!("transaction that read {read} and made {made:?} by {plan:?}"),
        };
        format!("thread {thread}, from {begun} to {ended}, {what}")
    }
}

impl History {
    /// Whether it is a right one.
    ///
    /// # Errors
    /// The first rule that is broken and where, for a person.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let model = self.order()?;
        for event in &self.events {
            self.check_reads(&model, event).map_err(|what| format!("{what}\nin {}", event.name()))?;
        }
        self.check_real_time()
    }

    /// How many of its transactions made nothing, and how many snapshots there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let snapshots = self.events.iter().filter(|event| matches!(event.what, What::Snapshot { .. })).count();
        let made = self.events.iter().filter(|event| event.made().is_some()).count();
        (self.events.len() - made - snapshots, snapshots)
    }

    /// Rules 1 and 2 for those that made a version: gives the state of every version.
    fn order(&self) -> Result<Model, String> {
        let mut makers: Vec<&Event> = self.events.iter().filter(|event| event.made().is_some()).collect();
        makers.sort_by_key(|event| event.version());
        let mut model = Model::new();
        let mut draft = model.begin();
        self.setup.iter().for_each(|change| drop(draft.apply(change)));
        model.commit(1, draft);
        for (n, event) in makers.iter().enumerate() {
            let What::Transaction { plan, transcript, .. } = &event.what else { continue };
            let version = n as u64 + 2;
            if event.version() != version {
                return Err(format!("order: version {version} is missing or made twice, at {}", event.name()));
            }
            let mut draft = model.begin();
            let replayed = replay(plan, draft.state())?;
            compare(&replayed, transcript).map_err(|what| format!("serial: {what}\nin {}", event.name()))?;
            transcript.changes.iter().for_each(|change| drop(draft.apply(change)));
            model.commit(version, draft);
        }
        let (newest, state) = model.newest();
        if newest != self.end.0 {
            return Err(format!("order: the last version is {}, but {newest} was the last that was made", self.end.0));
        }
        match state.difference(&self.end.1) {
            Some(what) => Err(format!("whole: at the end, {what}")),
            None => Ok(model),
        }
    }

    /// Rules 3 and 5, and 2 for those that made nothing.
    fn check_reads(&self, model: &Model, event: &Event) -> Result<(), String> {
        let version = event.version();
        if version == 0 || version > self.end.0 {
            return Err(format!("order: nobody made version {version}"));
        }
        if version > event.published {
            return Err(format!("published: {version} was seen, but {} was the newest published version", event.published));
        }
        match &event.what {
            What::Snapshot { version, first, again } => {
                let whole = model.at(*version).difference(first).map(|what| format!("whole: {what}"));
                let same = || first.difference(again).map(|what| format!("whole: read again, {what}"));
                whole.or_else(same).map_or(Ok(()), Err)
            }
            What::Transaction { made: Some(_), transcript, .. } if transcript.changes.is_empty() => {
                Err("serial: a version was made of nothing".into())
            }
            What::Transaction { made: Some(made), read, .. } if read >= made => Err("serial: it read what it made".into()),
            What::Transaction { made: Some(_), .. } => Ok(()),
            What::Transaction { made: None, transcript, .. } if !transcript.changes.is_empty() => {
                Err("serial: changes, but no version".into())
            }
            What::Transaction { plan, transcript, read, made: None } => {
                compare(&replay(plan, model.at(*read))?, transcript).map_err(|what| format!("serial: {what}"))
            }
        }
    }

    /// Rule 4.
    fn check_real_time(&self) -> Result<(), String> {
        let mut by_end: Vec<&Event> = self.events.iter().collect();
        by_end.sort_by_key(|event| event.ended);
        // The newest version that anything saw or made which ended so early.
        let mut newest: Vec<(u64, u64)> = Vec::new();
        for event in &by_end {
            let before = newest.last().map_or(1, |(_, version)| *version);
            newest.push((event.ended, before.max(event.version())));
        }
        // When the last of the versions up to this one was called.
        let mut called = vec![0; self.end.0 as usize + 1];
        for event in self.events.iter().filter(|event| event.made().is_some()) {
            called[event.version() as usize] = event.called;
        }
        (1..called.len()).for_each(|version| called[version] = called[version].max(called[version - 1]));
        for event in &self.events {
            let earlier = newest.partition_point(|(ended, _)| *ended < event.begun);
            let known = earlier.checked_sub(1).map_or(1, |n| newest[n].1);
            if event.version() < known {
                return Err(format!("real time: {known} was known before, in {}", event.name()));
            }
            if called[event.version() as usize] > event.ended {
                return Err(format!("real time: a commit was seen before it was called, in {}", event.name()));
            }
        }
        Ok(())
    }
}

fn replay(plan: &Plan, state: &State) -> Result<Transcript, String> {
    plan.decide(state).map_err(|e| format!("the model: {e:?}"))
}

fn compare(expected: &Transcript, found: &Transcript) -> Result<(), String> {
    if let Some(n) = (0..expected.seen.len().max(found.seen.len())).find(|n| expected.seen.get(*n) != found.seen.get(*n)) {
        return Err(format!("look {n} saw {:?} instead of {:?}", found.seen.get(n), expected.seen.get(n)));
    }
    match expected == found {
        true => Ok(()),
        false => Err(format!("decided {:?} instead of {:?}", found.changes, expected.changes)),
    }
}
