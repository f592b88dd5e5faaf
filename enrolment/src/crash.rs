//! The first panic is the end of a daemon, however it was built.
//!
//! Our own builds abort at a panic. OpenWrt's unwind, for all packages alike, and so do development builds: there a panic would
//! end one thread or one of tokio's tasks, and the daemon would live on without it, deaf on one side. Whoever looks after
//! services starts one that has ended, and cannot see one that is half dead.

use std::panic;
use std::process;

/// Ends the process by SIGABRT at each panic of any thread, once it is told on standard error. To be called before all else.
pub fn end_at_first_panic() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        process::abort();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};
    use std::thread;

    const WHERE: &str = "NTM_PANIC_IN";
    const SIGABRT: i32 = 6;

    #[test]
    fn a_panic_of_a_thread_ends_the_process() {
        let Some(place) = env::var_os(WHERE) else {
            for place in ["a thread", "what is caught, as tokio's tasks are"] {
                let Output { status, stderr, .. } = this_test_with(place);
                let said = String::from_utf8_lossy(&stderr);
                assert_eq!(status.signal(), Some(SIGABRT), "{place}: {said}");
                assert!(said.contains("what happened"), "{said}");
            }
            return;
        };
        end_at_first_panic();
        let fails = || panic!("what happened");
        // Neither would end anything by itself.
        let lives_on = if place == "a thread" {
            thread::spawn(fails).join().is_err()
        } else {
            panic::catch_unwind(fails).is_err()
        };
        assert!(lives_on);
    }

    /// This test as a process of its own, in which `WHERE` is told.
    fn this_test_with(place: &str) -> Output {
        let this = "crash::tests::a_panic_of_a_thread_ends_the_process";
        Command::new(env::current_exe().unwrap())
            .args([this, "--exact", "--nocapture"])
            .env(WHERE, place)
            .output()
            .unwrap()
    }
}
