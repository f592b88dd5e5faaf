#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ntm_fuzz::enrol::check(input));
