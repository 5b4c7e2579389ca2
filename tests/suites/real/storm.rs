//! F12 under group commit: several threads commit and share their syncs when the process is killed.

use std::collections::BTreeMap;
use std::path::Path;

use treering_tests::{Folder, Script, Seed, Sound, depth};

use crate::tools::{Talk, actor, figure};

/// Kills at depth 1.
const KILLS: u64 = 10;
/// Kills of one file.
const LIVES: u64 = 10;

/// What was said, and what was there after the last life.
#[derive(Default)]
struct Heard {
    tried: BTreeMap<u8, u64>,
    done: BTreeMap<u8, u64>,
    list: Vec<(u8, u64)>,
    is_created: bool,
}

impl Heard {
    fn hear(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("it said `{line}`"));
        match words[..] {
            ["opened", version] if number(version)? == self.list.len() as u64 => self.is_created = true,
            ["opened", _] => return Err(format!("it said `{line}`, and {} commits were there", self.list.len())),
            ["try", thread, count] => drop(self.tried.insert(number(thread)? as u8, number(count)?)),
            ["done", thread, count] => drop(self.done.insert(number(thread)? as u8, number(count)?)),
            _ => return Err(line.to_owned()),
        }
        Ok(())
    }

    /// L3: the list has no hole and goes on where it was; each thread has what it was told it has, and nothing that it did not try.
    fn judge(&mut self, path: &Path, script: Script) -> Result<(), String> {
        let say = |e: treering::Error| format!("{e:?}");
        let store = match script.options().open_read_only(path) {
            Ok(store) => store,
            Err(_) if !self.is_created => return Ok(()),
            Err(e) => return Err(say(e)),
        };
        let problems = store.problems();
        if !problems.is_empty() {
            return Err(format!("not sound: {problems:?}"));
        }
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let (mut list, mut counts) = (Vec::new(), BTreeMap::new());
        if !reader.tables().is_empty() {
            for entry in reader.table("list").map_err(say)?.iter().map_err(say)? {
                let (key, value) = entry.map_err(say)?;
                let count = u64::from_be_bytes(value[1..9].try_into().expect("nine bytes or more"));
                if *key != (list.len() as u64).to_be_bytes() || count != counts.get(&value[0]).unwrap_or(&0) + 1 {
                    return Err(format!("a hole in the list before {key:?}"));
                }
                counts.insert(value[0], count);
                list.push((value[0], count));
            }
            for entry in reader.table("counts").map_err(say)?.iter().map_err(say)? {
                let (thread, count) = entry.map_err(say)?;
                if counts.get(&thread[0]).map(|count| count.to_be_bytes()).as_ref().map(|bytes| &bytes[..]) != Some(count) {
                    return Err(format!("thread {} of two tables has two counts", thread[0]));
                }
            }
        }
        if !list.starts_with(&self.list) || list.len() as u64 != store.version() {
            return Err(format!("version {} has {} entries, {} were there before", store.version(), list.len(), self.list.len()));
        }
        for thread in 0..=u8::MAX {
            let of = |map: &BTreeMap<u8, u64>| map.get(&thread).copied().unwrap_or(0);
            if !(of(&self.done)..=of(&self.tried)).contains(&of(&counts)) {
                let (done, tried) = (of(&self.done), of(&self.tried));
                return Err(format!("thread {thread} has {} commits, {done} were acknowledged and {tried} tried", of(&counts)));
            }
        }
        // What was not there is tried anew.
        (self.tried, self.done, self.list) = (counts.clone(), counts, list);
        Ok(())
    }
}

/// L3: threads that share their syncs lose nothing that any of them was told, whatever moment the process is killed at.
#[test]
fn l3_kills_of_many_threads() {
    let seed = Seed::of("l3_kills_of_many_threads");
    let (mut kills, mut commits) = (0, 0);
    let wanted = KILLS * depth();
    for store in 0.. {
        if kills >= wanted {
            break;
        }
        let (folder, mut heard) = (Folder::new(), Heard::default());
        let (path, one) = (folder.file("a.ring"), seed.part(store));
        let mut rng = one.rng();
        for life in 0..LIVES {
            let script = Script { seed: one, life };
            let (words, micros) = (rng.u64(..120), rng.u64(..1_500));
            let lived = one_life(&mut heard, &path, script, words, micros);
            let was_killed = lived.unwrap_or_else(|what| {
                panic!("store {store}, seed {}, life {life}, {micros} us after {words} words: {what}", one.number())
            });
            kills += u64::from(was_killed);
        }
        commits += heard.list.len();
    }
    figure("l3_kills_of_many_threads", &format!("{kills} kills, {commits} commits survived"));
    assert!(commits > 0);
}

/// One life; whether it was the kill that ended it.
fn one_life(heard: &mut Heard, path: &Path, script: Script, words: u64, micros: u64) -> Result<bool, String> {
    let mut command = actor("storm", path);
    let mut player = Talk::start(command.args([script.seed.number(), script.life].map(|number| number.to_string())));
    for _ in 0..words {
        let Some(line) = player.line() else { break };
        heard.hear(&line)?;
    }
    // The moment itself is what is drawn.
    std::thread::sleep(std::time::Duration::from_micros(micros));
    let was_alive = matches!(player.child.try_wait(), Ok(None));
    let _ = player.child.kill();
    while let Some(line) = player.line() {
        heard.hear(&line)?;
    }
    drop(player);
    heard.judge(path, script)?;
    Ok(was_alive)
}
