//! The script of the update storm: which change is step n, what it looks like in the store, and how half of one would look.
//!
//! A writer plays a **lane**: the steps 0, 1, 2 .. of its own instances, one transaction each. A **round** changes every instance of the
//! lane once and is one update; then the next begins. Everything about a step follows from its number, so that whoever reads the store
//! (another thread, another process after a kill) can say whether a step is there whole.

use crate::cluster::StormJob;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{InstanceAction, InstanceEvent, Millis, TaskState, UpdateId, UpdateStatus};
use crate::tasks::{NewUpdate, TaskStore, View};
use treering::Snapshot;

/// One writer's part of the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    job: StormJob,
    series: u32,
    lane: u32,
    lanes: u32,
}

/// One change of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The update that it belongs to.
    pub update: UpdateId,
    /// Its number among the update's events.
    pub number: u64,
    /// It is the first of the update.
    pub begins: bool,
    /// It is the last of the update.
    pub ends: bool,
    /// The instance event that it adds.
    pub event: InstanceEvent,
    /// The state that it brings the instance's task into.
    pub state: TaskState,
}

/// What a reading of one update's details saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its events.
    pub events: u64,
    /// How a part of a change was seen without the rest, if one was.
    pub half: Option<String>,
}

impl Lane {
    /// Most lanes of a series: they stand in 8 bits of an update's id.
    pub const MOST_LANES: u32 = 255;
    /// Series of a store: 2^20, for the ids' sake.
    const MOST_SERIES: u32 = 1 << 20;
    /// Rounds of a lane: they stand in 24 bits.
    const MOST_ROUNDS: u64 = 1 << 24;

    /// Lane `lane` (from 0) of `lanes`. A series is one playing of the storm; a store can have several after one another.
    ///
    /// # Errors
    /// `Input` when there is no such lane, when it would have no instance, or beyond 255 lanes and 2^20 series.
    pub fn new(job: StormJob, series: u32, lane: u32, lanes: u32) -> Result<Lane> {
        if lane >= lanes || lanes > Self::MOST_LANES || series >= Self::MOST_SERIES || job.lane_instances(lane, lanes) == 0 {
            let instances = job.instances;
            return Err(Error::input(format!(
                "lane {lane} of {lanes} in series {series} for {instances} instances is not possible"
            )));
        }
        Ok(Lane { job, series, lane, lanes })
    }

    /// The lane that plays `update`; nothing when the update is none of a script's.
    #[must_use]
    pub fn of_update(job: StormJob, update: UpdateId) -> Option<Lane> {
        let (series, lanes, lane) = (update.0 >> 40, (update.0 >> 32) as u8, (update.0 >> 24) as u8);
        let series = u32::try_from(series.checked_sub(1)?).ok()?;
        Lane::new(job, series, lane.into(), lanes.into()).ok()
    }

    /// Steps of one round.
    fn round_len(&self) -> u64 {
        2 * u64::from(self.job.lane_instances(self.lane, self.lanes))
    }

    /// The update of a round. Ids: series + 1 in bits 40 on, lanes in 32 to 39, lane in 24 to 31, round in 0 to 23; so they are beyond every
    /// id of a cluster.
    fn update(&self, round: u64) -> UpdateId {
        let (series, lanes, lane) = (u64::from(self.series) + 1, u64::from(self.lanes), u64::from(self.lane));
        UpdateId(series << 40 | lanes << 32 | lane << 24 | round)
    }

    fn round_of(update: UpdateId) -> u64 {
        update.0 & (Self::MOST_ROUNDS - 1)
    }

    /// Step `n`, from 0.
    ///
    /// # Errors
    /// `Input` beyond 2^24 rounds.
    pub fn step(&self, n: u64) -> Result<Step> {
        let len = self.round_len();
        let (round, number) = (n / len, n % len);
        if round >= Self::MOST_ROUNDS {
            return Err(Error::input(format!("step {n} is beyond the script's end")));
        }
        let at = Millis(self.job.after.0 + ((u64::from(self.series) + 1) << 40) + n);
        let event = self.job.event(self.lane, self.lanes, number, at);
        let state = if event.action == InstanceAction::Updating { TaskState::Killing } else { TaskState::Running };
        Ok(Step { update: self.update(round), number, begins: number == 0, ends: number + 1 == len, event, state })
    }

    /// How many steps of this lane are in the store.
    ///
    /// # Errors
    /// The engine's; `Broken`.
    pub fn progress(&self, snapshot: &Snapshot) -> Result<u64> {
        let reader = snapshot.reader();
        let view = View::new(&reader);
        match self.rounds(&view)?.last() {
            None => Ok(0),
            Some(&update) => {
                let events = view.update(update)?.map_or(0, |row| row.events);
                Ok(Self::round_of(update) * self.round_len() + events)
            }
        }
    }

    /// The updates of this lane that are in the store, in order.
    pub(super) fn rounds(&self, view: &View<'_, '_>) -> Result<Vec<UpdateId>> {
        let before = UpdateId(self.update(0).0 - 1);
        let last = self.update(Self::MOST_ROUNDS - 1);
        let mut updates = view.updates_of(self.job.job, Some(before), usize::MAX)?;
        updates.retain(|&update| update <= last);
        Ok(updates)
    }

    /// The job of the storm.
    #[must_use]
    pub fn job(&self) -> &StormJob {
        &self.job
    }
}

/// Plays step `n` in one transaction and gives the version that has it: the update's status and event, the task's state and event, the
/// index; for the first step of a round also the update itself. Returns when it is durable.
///
/// # Errors
/// The engine's.
pub fn write_step(store: &TaskStore, lane: &Lane, n: u64) -> Result<u64> {
    let step = lane.step(n)?;
    let job = &lane.job;
    let mut change = store.begin()?;
    if step.begins {
        change.save_update(
            step.update,
            &NewUpdate { job: job.job, from: job.from, to: job.to, batch: job.batch },
            step.event.at,
        )?;
    }
    change.set_state(step.event.task, step.state, step.event.at)?;
    let status = if step.ends { UpdateStatus::RolledForward } else { UpdateStatus::RollingForward };
    change.add_instance_event(step.update, &step.event, status)?;
    change.commit()
}

/// Reads one update's details, its status row with exactly its own events, and looks for half a change: an event without its status
/// row, its task or its predecessor, or the other way round. Cost: O(the update's events).
///
/// # Errors
/// The engine's. Half a change is no error but in the result.
pub fn read_step(snapshot: &Snapshot, job: &StormJob, update: UpdateId) -> Result<Seen> {
    let reader = snapshot.reader();
    let view = View::new(&reader);
    let details = match view.update_details(update) {
        Ok(Some(details)) => details,
        Ok(None) => return Ok(Seen::default()),
        Err(e) if e.kind() == ErrorKind::Broken => return Ok(Seen { events: 0, half: Some(e.to_string()) }),
        Err(e) => return Err(e),
    };
    let events = details.events.len() as u64;
    let half = match Lane::of_update(*job, update) {
        None => {
            // An update that was over before the storm: it never changes.
            let expected = |k: u64| job.event(0, 1, k, Millis(details.update.created.0 + k));
            let differs = (0..).zip(&details.events).find(|(k, event)| **event != expected(*k));
            let wrong_len = events != u64::from(job.events_per_update);
            match differs {
                Some((k, event)) => Some(format!("event {k} of update {update} is {event:?}")),
                None if wrong_len => Some(format!("update {update} has {events} events, not {}", job.events_per_update)),
                None => None,
            }
        }
        Some(lane) => half_of_lane(&view, &lane, update, &details.events, details.update.status)?,
    };
    Ok(Seen { events, half })
}

/// Half a change in the events of one round.
fn half_of_lane(
    view: &View<'_, '_>,
    lane: &Lane,
    update: UpdateId,
    events: &[InstanceEvent],
    status: UpdateStatus,
) -> Result<Option<String>> {
    let first = Lane::round_of(update) * lane.round_len();
    for (n, event) in (first..).zip(events) {
        let expected = lane.step(n)?;
        if expected.event != *event {
            return Ok(Some(format!("step {n} of update {update} is {event:?}, not {:?}", expected.event)));
        }
    }
    let Some(last) = (first + events.len() as u64).checked_sub(1).filter(|_| !events.is_empty()) else {
        return Ok(Some(format!("update {update} is there without its first event")));
    };
    let done = lane.step(last)?;
    if (status == UpdateStatus::RolledForward) != done.ends {
        return Ok(Some(format!("update {update} is {status:?} after event {}", done.number)));
    }
    let task = |step: &Step| -> Result<_> { Ok(view.task(step.event.task)?.map(|task| (task.modified, task.state))) };
    // The task of the last step has its time, or a later one from another round.
    match task(&done)? {
        Some((at, state)) if at > done.event.at || (at == done.event.at && state == done.state) => {}
        other => return Ok(Some(format!("step {last} of update {update} is there, but not its task: {other:?}"))),
    }
    // The step after it is not there in the update, so it must not be in the task.
    let next = lane.step(last + 1)?;
    match task(&next)? {
        Some((at, _)) if at == next.event.at && !done.ends => {
            Ok(Some(format!("step {} is in its task, but not in update {update}", last + 1)))
        }
        _ => Ok(None),
    }
}
