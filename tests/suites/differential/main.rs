//! Answers beside SQLite's, and beside themselves.
//!
//! 1. Drawn queries over drawn tables give the rows that SQLite gives, in the order asked for, with indexes and without.
//! 2. Where a condition is true, false and NULL, that is all rows, each once (ternary logic partitioning).
//! 3. As many rows are counted under a condition as the condition is true of, computed for each row (no optimisation).
//! 4. Changes leave the tables as they leave SQLite's, or fail in both.
//!
//! A query that fails is made smaller until nothing can be left out, with the rows and indexes that it needs.

mod draw;
mod engines;
mod query;
mod scene;

use draw::Draw;
use engines::{Engines, Wrong, is_too_deep, listed, sorted};
use query::{Body, Expr, Query, Select, Type};
use scene::Scene;
use treering_tests::shrink::shrink;
use treering_tests::{Seed, depth};

/// Whatever is asked, the answer is SQLite's.
#[test]
fn differential_queries() {
    let seed = Seed::of("differential_queries");
    for run in 0..150 * depth() {
        let scene = Scene::draw(&mut seed.part(run).part(0).rng());
        let engines = Engines::new(&scene);
        for number in 1..=40 {
            let query = Draw::new(seed.part(run).part(number).rng(), &scene).query();
            if let Err(wrong) = engines.judge(&query) {
                panic!("run {run}, query {number} of TREERING_SEED={}\n{}", seed.number(), smallest(&scene, &query, &wrong));
            }
        }
        engines.with.check();
    }
}

/// A failing query with the least that it needs.
fn smallest(scene: &Scene, query: &Query, wrong: &Wrong) -> String {
    let fails = |scene: &Scene, query: &Query| {
        Engines::try_new(scene).is_ok_and(|engines| engines.judge(query).is_err_and(|other| other.is_like(wrong)))
    };
    let (mut scene, mut query) = (scene.clone(), query.clone());
    let mut budget = 3_000;
    // Over one set of engines: most of what is tried is no query.
    let engines = Engines::new(&scene);
    'again: loop {
        for smaller in query.smaller() {
            budget -= 1;
            if budget == 0 {
                break 'again;
            }
            if engines.judge(&smaller).is_err_and(|other| other.is_like(wrong)) {
                query = smaller;
                continue 'again;
            }
        }
        break;
    }
    scene.views = shrink(&scene.views, 50, |views| fails(&Scene { views: views.to_vec(), ..scene.clone() }, &query));
    for at in 0..scene.views.len() {
        let mut budget = 200;
        'view: while budget > 0 {
            for smaller in scene.views[at].query.smaller() {
                let mut tried = scene.clone();
                tried.views[at].query = smaller;
                budget -= 1;
                if fails(&tried, &query) {
                    scene = tried;
                    continue 'view;
                }
                if budget == 0 {
                    break;
                }
            }
            break;
        }
    }
    scene.indexes = shrink(&scene.indexes, 50, |indexes| fails(&Scene { indexes: indexes.to_vec(), ..scene.clone() }, &query));
    for at in 0..scene.tables.len() {
        let rows = scene.tables[at].rows.clone();
        scene.tables[at].rows = shrink(&rows, 50, |rows| {
            let mut tried = scene.clone();
            tried.tables[at].rows = rows.to_vec();
            fails(&tried, &query)
        });
    }
    let wrong = Engines::new(&scene).judge(&query).err().unwrap_or_else(|| wrong.clone());
    let statements =
        scene.statements().into_iter().chain(scene.indexes.clone()).map(|text| format!("{text};\n")).collect::<String>();
    let what = match wrong {
        Wrong::Differs(what) => what,
        Wrong::Fails(what) => format!("ours fails, {what}"),
        Wrong::Refused(what) => format!("SQLite fails: {what}"),
    };
    format!("{statements}{query};\n{what}")
}

/// Rows where a condition is true, where it is false and where it is NULL are all rows.
#[test]
fn differential_ternary_logic() {
    let seed = Seed::of("differential_ternary_logic");
    for run in 0..60 * depth() {
        let scene = Scene::draw(&mut seed.part(run).part(0).rng());
        let engines = Engines::new(&scene);
        for number in 1..=25 {
            let (select, condition) = Draw::new(seed.part(run).part(number).rng(), &scene).plain();
            let parts = [["", ""], ["NOT ", ""], ["", " IS NULL"]];
            let under = parts.map(|[before, behind]| {
                let filter = vec![Expr::of(Type::Bool, [&format!("({before}("), &format!("){behind})")], [condition.clone()])];
                Query::of(Select { filter, ..select.clone() })
            });
            let all = Query::of(select);
            for ours in [&engines.with, &engines.without] {
                let parts: Option<Vec<_>> = under.iter().map(|query| ours.rows(query)).collect();
                let (Some(whole), Some(parts)) = (ours.rows(&all), parts) else { continue };
                let pieces = parts.concat();
                assert!(
                    sorted(&whole) == sorted(&pieces),
                    "run {run}, query {number} of TREERING_SEED={}\n{:#?}\n{all}:{}\nunder\n{condition}\nand its opposites:{}",
                    seed.number(),
                    [scene.statements(), scene.indexes.clone()],
                    listed(&whole),
                    listed(&pieces)
                );
            }
        }
    }
}

/// A condition takes as many rows as it is true of.
#[test]
fn differential_no_optimisation() {
    let seed = Seed::of("differential_no_optimisation");
    for run in 0..60 * depth() {
        let scene = Scene::draw(&mut seed.part(run).part(0).rng());
        let engines = Engines::new(&scene);
        for number in 1..=25 {
            let (select, condition) = Draw::new(seed.part(run).part(number).rng(), &scene).plain();
            let count =
                Select { items: vec![Expr::word(Type::Int, "count(*)")], filter: vec![condition.clone()], ..select.clone() };
            let truth = Expr::of(Type::Bool, ["((", ") IS TRUE)"], [condition]);
            let (count, truths) = (Query::of(count), Query::of(Select { items: vec![truth], ..select }));
            for ours in [&engines.with, &engines.without] {
                let (Some(counted), Some(of)) = (ours.rows(&count), ours.rows(&truths)) else { continue };
                let expected = of.iter().filter(|row| row[0] == "1.000000").count();
                assert!(
                    counted == [[format!("{expected}.000000")]],
                    "run {run}, query {number} of TREERING_SEED={}\n{:#?}\n{count}:{}\nand it is true of {expected}",
                    seed.number(),
                    [scene.statements(), scene.indexes.clone()],
                    listed(&counted)
                );
            }
        }
    }
}

/// After the same changes the same rows are there.
#[test]
fn differential_changes() {
    let seed = Seed::of("differential_changes");
    for run in 0..80 * depth() {
        let scene = Scene::draw(&mut seed.part(run).part(0).rng());
        let engines = Engines::new(&scene);
        let mut done = Vec::new();
        for number in 1..=25 {
            let change = Draw::new(seed.part(run).part(number).rng(), &scene).change();
            let ours = engines.with.execute(&change);
            let other = engines.sqlite.execute(&change, ()).map(|count| count as u64);
            done.push(change);
            let told = || {
                format!(
                    "run {run}, change {number} of TREERING_SEED={}\n{:#?}\n{:#?}",
                    seed.number(),
                    [scene.statements(), scene.indexes.clone()],
                    done
                )
            };
            match (&ours, &other) {
                (Ok(ours), Ok(other)) => assert!(ours == other, "{}\n{ours} rows changed, and {other} in SQLite", told()),
                (Err(_), Err(_)) => {}
                (Err(why), Ok(_)) if is_too_deep(why) => break,
                _ => panic!("{}\n{ours:?}, and in SQLite {other:?}", told()),
            }
            for name in scene.tables.iter().map(|table| &table.name).chain(scene.views.iter().map(|view| &view.name)) {
                let text = format!("SELECT * FROM {name}");
                let (ours, other) =
                    (engines.with.query(&text).expect("a plain query"), engines.sqlite(&text).expect("a plain query"));
                assert!(sorted(&ours) == sorted(&other), "{}\n{text}:{}\nSQLite:{}", told(), listed(&ours), listed(&other));
            }
        }
        engines.with.check();
    }
}

/// Few of the drawn queries are too deep for us, and most answers have rows: an oracle that is never asked shows nothing.
#[test]
fn differential_queries_are_answered() {
    let seed = Seed::of("differential_queries_are_answered");
    let (mut asked, mut refused, mut empty, mut with, mut views) = (0, 0, 0, 0, 0);
    for run in 0..20 {
        let scene = Scene::draw(&mut seed.part(run).part(0).rng());
        let engines = Engines::new(&scene);
        for number in 1..=20 {
            let query = Draw::new(seed.part(run).part(number).rng(), &scene).query();
            asked += 1;
            with += usize::from(query.to_string().contains("WITH w"));
            views += usize::from(query.to_string().contains(" v0 AS "));
            match engines.without.rows(&query) {
                None => refused += 1,
                Some(rows) => empty += usize::from(rows.is_empty()),
            }
        }
    }
    let told = format!("{asked} queries, {with} with WITH, {views} of views: {refused} refused, {empty} without a row");
    assert!(refused * 20 < asked && empty * 3 < asked * 2 && with * 3 > asked && views * 10 > asked, "{told}");
}

/// What makes a failing query smaller keeps it failing, and leaves little.
#[test]
fn differential_failures_are_made_small() {
    let mut rng = Seed::of("differential_failures_are_made_small").rng();
    let scene = Scene::draw(&mut rng);
    for _ in 0..20 {
        let mut query = Draw::new(rng.fork(), &scene).query();
        let first = query.to_string().len();
        while let Some(smaller) = query.smaller().into_iter().find(|smaller| smaller.to_string().contains("SELECT")) {
            assert!(smaller.to_string() != query.to_string(), "{query}");
            query = smaller;
        }
        assert!(matches!(query.body, Body::Select(_)) && query.to_string().len() <= first, "{query}");
    }
}
