//! How long a decision on a fresh hit takes: class, key, freshness, every field of the answer.
//!
//! `cargo xtask bench edge` runs it and reads what it prints, lines of `WHO PLACE MICROSECONDS`.

mod contest;

use std::hint::black_box;
use std::time::Instant;

use contest::Judge;

/// Decisions that are timed together: few, so that what they take is still in the processor's cache.
const BATCH: usize = 16;

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let mut stopwatch = Stopwatch::default();
    contest::each(&mut stopwatch);
    for _ in 0..if is_quick { 2_000 } else { 20_000 } {
        // In turns, so that a busy machine slows everybody.
        for contestant in &mut stopwatch.contestants {
            contestant.nanos.push((contestant.batch)());
        }
    }
    for Contestant { who, place, mut nanos, .. } in stopwatch.contestants {
        nanos.sort_unstable();
        println!("{who} {place} {:.3}", nanos[nanos.len() / 2] as f64 / BATCH as f64 / 1_000.0);
    }
}

#[derive(Default)]
struct Stopwatch {
    contestants: Vec<Contestant>,
}

struct Contestant {
    who: &'static str,
    place: &'static str,
    /// Decides [`BATCH`] times and says how long that took, in nanoseconds.
    batch: Box<dyn Fn() -> u128>,
    nanos: Vec<u128>,
}

impl Judge for Stopwatch {
    fn judge<I: 'static, O: 'static>(
        &mut self,
        who: &'static str,
        place: &'static str,
        prepare: impl Fn() -> I + 'static,
        decide: impl Fn(I) -> O + 'static,
    ) {
        let batch = move || {
            let inputs: Vec<I> = (0..BATCH).map(|_| prepare()).collect();
            let started = Instant::now();
            for input in inputs {
                black_box(decide(black_box(input)));
            }
            started.elapsed().as_nanos()
        };
        self.contestants.push(Contestant { who, place, batch: Box::new(batch), nanos: Vec::new() });
    }
}
