//! What a decision on a fresh hit allocates. Apart from `decision.rs`, because counting takes time.
//!
//! `cargo xtask bench edge` runs it and reads what it prints, lines of `WHO PLACE ALLOCATIONS BYTES`.

mod contest;

use contest::Judge;

fn main() {
    contest::each(&mut Counter);
}

struct Counter;

impl Judge for Counter {
    fn judge<I: 'static, O: 'static>(
        &mut self,
        who: &'static str,
        place: &'static str,
        prepare: impl Fn() -> I + 'static,
        decide: impl Fn(I) -> O + 'static,
    ) {
        // What is made once and kept is no part of a decision.
        drop(decide(prepare()));
        let input = prepare();
        let mut decision = None;
        let counted = allocation_counter::measure(|| decision = Some(decide(input)));
        println!("{who} {place} {} {}", counted.count_total, counted.bytes_total);
    }
}
