//! Worlds that outlive an input: making one costs handshakes, so it takes many inputs before a new one is made.
//!
//! A world takes steps, so all inputs it has taken are one long input. When a property fails, that long input is
//! written to the file that the environment variable `NTM_FUZZ_HISTORY` names, and fails alone, from a fresh world.

use crate::steps::{self, Step};
use std::cell::RefCell;
use std::sync::{Mutex, Once, PoisonError};
use std::thread::LocalKey;

/// Inputs that one world takes.
const INPUTS: u32 = 256;

static HISTORY: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// Machines and what surrounds them.
pub trait World {
    /// A fresh one, the same each time.
    fn new() -> Self;
    /// Something happens. Panics when a property does not hold.
    fn step(&mut self, step: Step<'_>);
    /// Whether it has used up what handshakes it may have, and a fresh one is livelier.
    fn is_over(&self) -> bool;
}

/// Where a target keeps its world.
pub type Slot<W> = RefCell<Option<(W, u32)>>;

/// One input in a world of its own.
pub fn alone<W: World>(input: &[u8]) {
    let mut world = W::new();
    steps::read(input).for_each(|step| world.step(step));
}

/// One input in the world of `slot`.
pub fn go_on<W: World>(slot: &'static LocalKey<Slot<W>>, input: &[u8]) {
    HOOK.call_once(keep_history_of_a_panic);
    slot.with_borrow_mut(|slot| {
        let (world, taken) = slot.get_or_insert_with(|| {
            history().clear();
            (W::new(), 0)
        });
        for step in steps::read(input) {
            history().extend(steps::step(step.what, step.which, step.bytes));
            world.step(step);
        }
        *taken += 1;
        if *taken == INPUTS || world.is_over() {
            *slot = None;
        }
    });
}

fn history() -> std::sync::MutexGuard<'static, Vec<u8>> {
    HISTORY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_history_of_a_panic() {
    // libFuzzer's own hook ends the process.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let (Some(file), Ok(history)) =
            (std::env::var_os("NTM_FUZZ_HISTORY"), HISTORY.try_lock())
        {
            let _ = std::fs::write(file, &*history);
        }
        before(info);
    }));
}
