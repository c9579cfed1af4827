//! Many runs, on several threads. Each run is one thread's alone, so runs beside it change
//! nothing; results come back in the order of the plans.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reports::record::RunRecord;

use crate::plan::Plan;
use crate::run::{self, RunError};

/// A run that did not come to its end, with the plan that shows it.
#[derive(Debug)]
pub struct Failed {
    /// Its place among the plans.
    pub at: usize,
    /// What went wrong.
    pub error: String,
}

/// Runs and judges every plan on so many threads; `done` is called after each run.
pub fn run_all(
    plans: &[Plan],
    jobs: usize,
    done: &(dyn Fn() + Sync),
) -> (Vec<RunRecord>, Vec<Failed>) {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<RunRecord, String>>>> =
        plans.iter().map(|_| Mutex::new(None)).collect();
    // Threads run whole simulations beside each other; nothing simulated knows of them.
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, plans.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = plans.get(at) else { break };
                    let result = run_one(plan);
                    *results[at].lock().expect("no thread panics while it holds this") =
                        Some(result);
                    done();
                }
            });
        }
    });
    let mut records = Vec::new();
    let mut failed = Vec::new();
    for (at, result) in results.into_iter().enumerate() {
        let result = result.into_inner().expect("no thread panics while it holds this");
        match result.expect("every plan was run") {
            Ok(record) => records.push(record),
            Err(error) => failed.push(Failed { at, error }),
        }
    }
    (records, failed)
}

fn run_one(plan: &Plan) -> Result<RunRecord, String> {
    let judged = || -> Result<RunRecord, RunError> { Ok(run::judge(plan, &run::run(plan)?)) };
    match catch_unwind(AssertUnwindSafe(judged)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the harness panicked; its message is above".to_owned()),
    }
}
