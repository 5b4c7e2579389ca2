//! The task store against a model of maps, its indexes, and its checker against broken stores.

use super::*;
use crate::cluster::StormSizes;
use crate::config::ConfigHash;
use crate::error::ErrorKind;
use crate::generate::{Sizes, generate};
use crate::model::{HostId, InstanceAction, InstanceEvent, Job, JobId, Qos, Requests, Task, UpdateId, UpdateStatus};
use std::collections::{BTreeMap, BTreeSet};

fn empty() -> TaskStore {
    TaskStore::on(Store::in_memory().unwrap()).unwrap()
}

/// A store with a generated cluster: jobs 1 to 3, tasks 1 to 21, hosts 1 to 5, updates 1 to 4.
fn tiny() -> TaskStore {
    let store = empty();
    store.load(&generate(&Sizes::tiny(), 7).unwrap(), &mut |_| Ok(())).unwrap();
    store
}

fn view<T>(store: &TaskStore, read: impl FnOnce(View<'_, '_>) -> T) -> T {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    read(View::new(&reader))
}

/// Every test ends here: the task store and the engine's store are sound.
fn finish(store: &TaskStore) {
    let verified = verify(&store.snapshot()).unwrap();
    assert!(verified.is_sound(), "{:#?}", verified.problems);
    let report = store.engine().check().unwrap();
    assert!(report.is_sound(), "{:#?}", report.problems());
}

fn change(store: &TaskStore, work: impl FnOnce(&mut Change) -> Result<()>) -> Result<()> {
    let mut change = store.begin()?;
    work(&mut change)?;
    change.commit().map(drop)
}

fn job(configuration: ConfigHash) -> Job {
    Job { requests: Requests::default(), gpu_spec: String::new(), qos: Qos::BestEffort, instances: 1, configuration }
}

/// What was loaded is there, row for row, once, and a second load is refused.
#[test]
fn a_loaded_cluster_is_there_whole() {
    let mut cluster = generate(&Sizes::tiny(), 11).unwrap();
    let storm = cluster.add_storm_job(&StormSizes::tiny(), 11).unwrap();
    let store = empty();
    assert_eq!(store.loaded().unwrap(), None);
    let mut told = 0;
    let loaded = store
        .load(&cluster, &mut |rows| {
            told = rows;
            Ok(())
        })
        .unwrap();
    assert_eq!((told, loaded.rows()), (loaded.rows(), load::rows_of(&cluster)));
    assert_eq!(store.loaded().unwrap(), Some(loaded));
    view(&store, |view| {
        for (id, row) in &cluster.jobs {
            assert_eq!(view.job(*id).unwrap().as_ref(), Some(row));
        }
        for (id, row) in &cluster.hosts {
            assert_eq!(view.host(*id).unwrap().as_ref(), Some(row));
        }
        for (id, row, events) in &cluster.tasks {
            assert_eq!(view.task(*id).unwrap().as_ref(), Some(row));
            assert_eq!(&view.task_events(*id).unwrap(), events);
        }
        for (id, row, events) in &cluster.updates {
            let details = view.update_details(*id).unwrap().unwrap();
            assert_eq!((&details.update, &details.events), (row, events));
        }
        for (hash, spec) in &cluster.configurations {
            assert_eq!(view.configuration(hash).unwrap(), Some(&spec.text().unwrap()[..]));
        }
        assert_eq!(view.updates_of(storm.job, None, 99).unwrap().len(), 2);
    });
    let verified = verify(&store.snapshot()).unwrap();
    assert_eq!((verified.tasks, verified.instance_events), (loaded.tasks, loaded.instance_events));
    assert_eq!(store.load(&cluster, &mut |_| Ok(())).unwrap_err().kind(), ErrorKind::Conflict);
    finish(&store);
}

/// A load that is stopped leaves part of a cluster that is sound, and no mark; a cluster with a hole is refused before anything is stored.
#[test]
fn a_load_that_ends_early_leaves_a_sound_store() {
    let cluster = generate(&Sizes::tiny(), 11).unwrap();
    for stop_at in 0..5 {
        let (store, mut transactions) = (empty(), 0);
        let error = store.load(&cluster, &mut |_| {
            transactions += 1;
            if transactions > stop_at { Err(Error::new(ErrorKind::Stopped, "enough")) } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Stopped);
        assert_eq!(store.loaded().unwrap(), None);
        finish(&store);
    }
    let mut holed = cluster.clone();
    holed.jobs.remove(1);
    let store = empty();
    let error = store.load(&holed, &mut |_| Ok(())).unwrap_err();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("job 2 of task 8"), "{error}");
    let mut twice = cluster;
    twice.hosts.push(twice.hosts[0].clone());
    assert!(store.load(&twice, &mut |_| Ok(())).unwrap_err().to_string().contains("hosts must have ascending ids, but 1"));
    assert_eq!(verify(&store.snapshot()).unwrap(), Verified::default());
}

/// W8: none -> A -> B -> none; at each step the index has the task under its host and nowhere else.
#[test]
fn w8_the_host_index_is_never_stale() {
    let store = tiny();
    let waiting = view(&store, |view| (1..=21).map(TaskId).find(|&id| view.task(id).unwrap().unwrap().host.is_none()));
    let (id, a, b) = (waiting.unwrap_or(TaskId(1)), HostId(1), HostId(2));
    change(&store, |change| change.set_host(id, None)).unwrap();
    let mut last = None;
    for host in [None, Some(a), Some(b), Some(b), None] {
        change(&store, |change| change.set_host(id, host)).unwrap();
        view(&store, |view| {
            assert_eq!(view.task(id).unwrap().unwrap().host, host);
            for other in [a, b] {
                let there = view.tasks_of(TasksOf::Host(other), None, usize::MAX).unwrap().contains(&id);
                assert_eq!(there, host == Some(other), "{last:?} -> {host:?}: host {other}");
            }
        });
        finish(&store);
        last = host;
    }
    // Several moves in one change leave the last one.
    change(&store, |change| {
        change.set_host(id, Some(a))?;
        change.set_host(id, Some(b))?;
        change.set_host(id, None)?;
        change.set_host(id, Some(a))
    })
    .unwrap();
    view(&store, |view| assert!(view.tasks_of(TasksOf::Host(a), None, usize::MAX).unwrap().contains(&id)));
    finish(&store);
}

/// W7: a thousand equal configurations are one; it stays while a row names it and goes with the last.
#[test]
fn w7_each_configuration_is_stored_once() {
    let store = empty();
    let (text, other) = (vec![b'x'; 10_240], vec![b'y'; 10_240]);
    let (hash, second) = (ConfigHash::of(&text), ConfigHash::of(&other));
    change(&store, |change| {
        for id in 0..1000 {
            assert_eq!(change.save_configuration(&text)?, hash);
            if id == 0 {
                change.save_job(JobId(1), &job(hash))?;
            }
            change.save_task(TaskId(id), &NewTask { job: JobId(1), instance: id as u32, configuration: hash }, Millis(1))?;
        }
        change.save_configuration(&other).map(drop)
    })
    .unwrap();
    let count = |store: &TaskStore| verify(&store.snapshot()).unwrap().configurations;
    assert_eq!(count(&store), 2);
    view(&store, |view| assert_eq!(view.configuration(&hash).unwrap(), Some(&text[..])));
    finish(&store);
    change(&store, |change| {
        assert_eq!(change.remove_unused_configurations()?, 1);
        (0..1000).try_for_each(|id| change.remove_task(TaskId(id)))
    })
    .unwrap();
    assert_eq!(count(&store), 1);
    change(&store, |change| {
        change.save_configuration(&other)?;
        change.save_job(JobId(1), &job(second))
    })
    .unwrap();
    view(&store, |view| assert_eq!(view.configuration(&hash).unwrap(), None));
    assert_eq!(count(&store), 1);
    finish(&store);
}

/// W2: reports that change nothing do not take the writer's turn: they come through while another change holds it.
#[test]
fn w2_no_ops_never_take_the_turn() {
    let store = tiny();
    let mut reports: Vec<_> =
        view(&store, |view| (1..=21).map(|id| (TaskId(id), view.task(TaskId(id)).unwrap().unwrap().state)).collect());
    reports.push((TaskId(99), TaskState::Running));
    let before = store.engine().version();
    let held = store.begin().unwrap();
    let outcome = store.reconcile(&reports, Millis(5)).unwrap();
    assert_eq!(outcome, Reconciled { changed: 0, unchanged: 21, unknown: 1 });
    drop(held);
    assert_eq!(store.engine().version(), before);
    reports[0].1 = TaskState::Lost;
    let outcome = store.reconcile(&reports, Millis(5)).unwrap();
    assert_eq!(outcome, Reconciled { changed: 1, unchanged: 20, unknown: 1 });
    view(&store, |view| assert_eq!(view.tasks_of(TasksOf::State(TaskState::Lost), None, 9).unwrap(), [TaskId(1)]));
    finish(&store);
}

/// A step that is refused has changed nothing, and the change goes on.
#[test]
fn a_refused_step_changes_nothing() {
    let store = tiny();
    let nothing = ConfigHash([0; 32]);
    let known = view(&store, |view| view.job(JobId(1)).unwrap().unwrap().configuration);
    let before = digest(&store.snapshot()).unwrap();
    change(&store, |change| {
        let refused = |outcome: Result<()>, kind, message: &str| {
            let error = outcome.unwrap_err();
            assert!(error.kind() == kind && error.to_string().contains(message), "{error:?} lacks {message}");
        };
        let task = |job, configuration| NewTask { job: JobId(job), instance: 0, configuration };
        let update = |job, to| NewUpdate { job: JobId(job), from: known, to, batch: 1 };
        let event = InstanceEvent { at: Millis(1), instance: 0, task: TaskId(1), action: InstanceAction::Updated };
        refused(change.save_task(TaskId(1), &task(1, known), Millis(1)), ErrorKind::Conflict, "task 1 already");
        refused(change.save_task(TaskId(99), &task(9, known), Millis(1)), ErrorKind::NotFound, "there is no job 9");
        refused(
            change.save_task(TaskId(99), &task(1, nothing), Millis(1)),
            ErrorKind::NotFound,
            "there is no configuration 0000",
        );
        refused(change.set_state(TaskId(99), TaskState::Lost, Millis(1)).map(drop), ErrorKind::NotFound, "task 99");
        refused(change.set_host(TaskId(1), Some(HostId(77))), ErrorKind::NotFound, "host 77");
        refused(change.remove_task(TaskId(99)), ErrorKind::NotFound, "task 99");
        refused(change.save_job(JobId(1), &job(nothing)), ErrorKind::NotFound, "configuration 0000");
        refused(change.save_update(UpdateId(1), &update(1, known), Millis(1)), ErrorKind::Conflict, "update 1 already");
        refused(change.save_update(UpdateId(9), &update(1, nothing), Millis(1)), ErrorKind::NotFound, "configuration 0000");
        refused(change.save_update(UpdateId(9), &update(9, known), Millis(1)), ErrorKind::NotFound, "job 9");
        let status = UpdateStatus::RolledForward;
        refused(change.add_instance_event(UpdateId(9), &event, status).map(drop), ErrorKind::NotFound, "update 9");
        refused(change.remove_update(UpdateId(9)), ErrorKind::NotFound, "update 9");
        let long = vec![0; crate::config::MAX_CONFIGURATION_BYTES + 1];
        refused(change.save_configuration(&long).map(drop), ErrorKind::Input, "at most 16777216");
        Ok(())
    })
    .unwrap();
    assert_eq!(digest(&store.snapshot()).unwrap(), before);
    finish(&store);
}

/// Pages follow one another without gaps or doubles while tasks before them go; counts agree with the lists.
#[test]
fn pages_do_not_shift() {
    let store = tiny();
    let all = view(&store, |view| view.tasks_of(TasksOf::Job(JobId(2)), None, usize::MAX).unwrap());
    assert_eq!(all, (8..=14).map(TaskId).collect::<Vec<_>>());
    let first = view(&store, |view| view.tasks_of(TasksOf::Job(JobId(2)), None, 3).unwrap());
    change(&store, |change| change.remove_task(first[0])).unwrap();
    let second = view(&store, |view| view.tasks_of(TasksOf::Job(JobId(2)), first.last().copied(), 100).unwrap());
    assert_eq!([first, second].concat(), all);
    view(&store, |view| {
        assert_eq!(view.tasks_of(TasksOf::Job(JobId(2)), Some(TaskId(u64::MAX)), 9).unwrap(), []);
        let jobs = (0..5).map(|id| TasksOf::Job(JobId(id)));
        let hosts = (0..7).map(|id| TasksOf::Host(HostId(id)));
        for of in jobs.chain(hosts).chain(TaskState::ALL.iter().map(|&s| TasksOf::State(s))) {
            assert_eq!(view.count_of(of).unwrap(), view.tasks_of(of, None, usize::MAX).unwrap().len() as u64, "{of:?}");
        }
    });
    finish(&store);
}

/// The checker finds each broken invariant, and update details never hand out half a change.
#[test]
fn each_broken_invariant_is_found() {
    let check = |table: &str, key: &[u8], value: Option<&[u8]>, expected: &str| {
        let store = tiny();
        let txn = store.engine().begin_write().unwrap();
        {
            let mut table = txn.open_table(table).unwrap();
            match value {
                Some(value) => table.insert(key, value).unwrap(),
                None => assert!(table.remove(key).unwrap()),
            }
        }
        txn.commit().unwrap();
        let verified = verify(&store.snapshot()).unwrap();
        assert!(verified.problems.iter().any(|p| p.contains(expected)), "{:#?}\nlack {expected}", verified.problems);
        store
    };
    let store = tiny();
    let (task, update) =
        view(&store, |view| (view.task(TaskId(1)).unwrap().unwrap(), view.update(UpdateId(2)).unwrap().unwrap()));
    let (one, event) = (key::one(1), key::two(1, 0));
    let more = row::encode(&Task { events: task.events + 1, ..task.clone() });
    check(TASKS, &one, Some(&more), "its row says");
    check(TASKS, &one, Some(&row::encode(&Task { state: TaskState::Lost, ..task.clone() })), "lacks task 1 in state Lost");
    check(TASKS, &one, Some(&row::encode(&Task { host: Some(HostId(77)), ..task.clone() })), "host 77, which is not there");
    check(TASKS, &one, Some(&row::encode(&Task { job: JobId(77), ..task.clone() })), "job 77, which is not there");
    check(TASKS, &one, Some(&[9]), "has form 9");
    check(TASKS, &one, None, "is of 1, which is not there");
    check(TASKS, b"odd", Some(&more), "a key of table tasks has 3 bytes");
    check(TASK_EVENTS, &event, None, "task 1 has");
    check(INSTANCE_EVENTS, &key::two(2, 0), None, "event 1 of 2 in table instance_events should be number 0");
    check(TASK_EVENTS, &key::two(999, 0), Some(&[1, 0, 1]), "has no owner");
    check(TASKS_BY_JOB, &key::two(1, 1), None, "tasks_by_job lacks task 1");
    check(TASKS_BY_JOB, &key::two(2, 1), Some(&[]), "tasks_by_job has 22 entries");
    check(TASKS_BY_STATE, &key::two(9, 1), Some(&[]), "tasks_by_state has 22 entries");
    check(TASKS_BY_HOST, &key::two(9, 1), Some(&[]), "tasks_by_host has");
    check(UPDATES_BY_JOB, &key::two(update.job.0, 2), None, "updates_by_job lacks update 2");
    check(CONFIGURATIONS, &task.configuration.0, None, "but is not there");
    check(CONFIGURATIONS, &task.configuration.0, Some(b"other"), "not that of its key");
    check(CONFIGURATION_USES, &task.configuration.0, Some(&row::encode(&999u64)), "its row of uses says");
    let halves = [
        check(INSTANCE_EVENTS, &key::two(2, 6), Some(&[1, 1, 1, 1, 1]), "its status row says 6"),
        check(INSTANCE_EVENTS, &key::two(2, 5), None, "update 2 has 5 events"),
        check(
            UPDATES,
            &key::one(2),
            Some(&row::encode(&crate::model::Update { modified: Millis(1), ..update })),
            "its status row says 1",
        ),
    ];
    for half in halves {
        let error = view(&half, |view| view.update_details(UpdateId(2))).unwrap_err();
        assert!(error.kind() == ErrorKind::Broken && error.to_string().contains("update 2"), "{error}");
    }
}

/// Job, configuration, host and events of a task.
type ModelTask = (u64, ConfigHash, Option<u64>, Vec<(u64, TaskState)>);

/// What the store should have, in maps.
#[derive(Clone, Default)]
struct Model {
    tasks: BTreeMap<u64, ModelTask>,
    updates: BTreeMap<u64, Vec<u64>>,
}

impl Model {
    fn agree(&self, view: View<'_, '_>) {
        for id in 0..30 {
            let found = view.task(TaskId(id)).unwrap();
            let Some((job, configuration, host, events)) = self.tasks.get(&id) else {
                assert_eq!((found, view.task_events(TaskId(id)).unwrap()), (None, vec![]));
                continue;
            };
            let found = found.unwrap();
            let last = events.last().unwrap();
            assert_eq!((found.job.0, found.configuration, found.host), (*job, *configuration, host.map(HostId)));
            assert_eq!((found.modified.0, found.state), *last);
            let found: Vec<_> = view.task_events(TaskId(id)).unwrap().iter().map(|e| (e.at.0, e.state)).collect();
            assert_eq!(&found, events);
        }
        let by = |of| -> BTreeSet<u64> { view.tasks_of(of, None, usize::MAX).unwrap().into_iter().map(|id| id.0).collect() };
        let expect = |test: &dyn Fn(&ModelTask) -> bool| -> BTreeSet<u64> {
            self.tasks.iter().filter(|(_, t)| test(t)).map(|(id, _)| *id).collect()
        };
        for number in 0..4 {
            assert_eq!(by(TasksOf::Job(JobId(number))), expect(&|t| t.0 == number));
            assert_eq!(by(TasksOf::Host(HostId(number))), expect(&|t| t.2 == Some(number)));
        }
        for &state in TaskState::ALL {
            assert_eq!(by(TasksOf::State(state)), expect(&|t| t.3.last().unwrap().1 == state));
        }
        for id in 0..5 {
            let found = view.update_details(UpdateId(id)).unwrap().map(|d| d.events.iter().map(|e| e.at.0).collect());
            assert_eq!(found.as_ref(), self.updates.get(&id));
        }
    }
}

/// Random changes, some undone, agree with the model; every snapshot goes on agreeing with the model of its moment.
#[test]
fn random_changes_agree_with_a_model() {
    let seed = std::env::var("TREERING_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_260);
    #[expect(clippy::print_stderr, reason = "a failing test shows its seed")]
    {
        eprintln!("seed {seed} (TREERING_SEED)");
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let store = empty();
    let texts: Vec<Vec<u8>> = (0..6).map(|i| vec![b'a' + i; 300]).collect();
    change(&store, |change| {
        for id in 1..4 {
            change.save_host(
                HostId(id),
                &crate::model::Host { name: format!("h{id}"), cpu_milli: 1, memory_mib: 1, num_gpu: 0, model: String::new() },
            )?;
            let configuration = change.save_configuration(&texts[0])?;
            change.save_job(JobId(id), &job(configuration))?;
        }
        Ok(())
    })
    .unwrap();
    let mut model = Model::default();
    let mut held = Vec::new();
    for round in 0..400u64 {
        let (mut next, mut change) = (model.clone(), store.begin().unwrap());
        for step in 0..random.u64(1..6) {
            random_step(&mut random, &mut change, &mut next, &texts, round * 10 + step);
        }
        if random.u8(..4) == 0 {
            drop(change);
        } else {
            change.commit().unwrap();
            model = next;
        }
        if round % 40 == 0 {
            held.push((store.snapshot(), model.clone()));
            finish(&store);
        }
        view(&store, |view| model.agree(view));
    }
    for (snapshot, model) in &held {
        model.agree(View::new(&snapshot.reader()));
    }
    finish(&store);
}

fn random_step(random: &mut fastrand::Rng, change: &mut Change, model: &mut Model, texts: &[Vec<u8>], at: u64) {
    let (id, job, host) = (random.u64(..30), random.u64(1..4), random.u64(1..4));
    let update = random.u64(..5);
    let there = model.tasks.contains_key(&id);
    match random.u8(..12) {
        0..3 if !there => {
            let configuration = change.save_configuration(&texts[random.usize(..texts.len())]).unwrap();
            change.save_task(TaskId(id), &NewTask { job: JobId(job), instance: 0, configuration }, Millis(at)).unwrap();
            model.tasks.insert(id, (job, configuration, None, vec![(at, TaskState::Pending)]));
        }
        3..6 if there => {
            let state = TaskState::ALL[random.usize(..TaskState::ALL.len())];
            change.set_state(TaskId(id), state, Millis(at)).unwrap();
            model.tasks.get_mut(&id).unwrap().3.push((at, state));
        }
        6..8 if there => {
            let host = if random.bool() { Some(host) } else { None };
            change.set_host(TaskId(id), host.map(HostId)).unwrap();
            model.tasks.get_mut(&id).unwrap().2 = host;
        }
        8 if there => {
            change.remove_task(TaskId(id)).unwrap();
            model.tasks.remove(&id);
        }
        9 | 10 => match model.updates.get_mut(&update) {
            None => {
                let from = ConfigHash::of(&texts[0]);
                let to = change.save_configuration(&texts[1]).unwrap();
                change.save_update(UpdateId(update), &NewUpdate { job: JobId(job), from, to, batch: 1 }, Millis(at)).unwrap();
                model.updates.insert(update, vec![]);
            }
            Some(events) => {
                let event = InstanceEvent { at: Millis(at), instance: 1, task: TaskId(id), action: InstanceAction::Updating };
                let number = change.add_instance_event(UpdateId(update), &event, UpdateStatus::RollingForward).unwrap();
                assert_eq!(number, events.len() as u64);
                events.push(at);
            }
        },
        11 if model.updates.remove(&update).is_some() => change.remove_update(UpdateId(update)).unwrap(),
        _ => assert_eq!(change.task(TaskId(id)).unwrap().is_some(), there),
    }
}
