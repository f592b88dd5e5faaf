#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ntm_fuzz::trains::check(input));
