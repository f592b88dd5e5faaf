//! The name a client gives itself (options 12 and 81): a label of letters, digits and hyphens, or nothing.

use ntm_proto::id::Label;

/// Reads option 12 (RFC 2132 section 3.14). Of a dotted name the first label counts. Anything that is no label is
/// dropped: names reach web pages, zone files and logs.
pub(crate) fn from_hostname(data: &[u8]) -> Option<Label> {
    let text = std::str::from_utf8(data).ok()?;
    // Some clients count a final NUL into the option.
    let text = text.trim_end_matches('\0');
    let label = Label::parse(text.split('.').next()?).ok()?;
    // What an unconfigured system calls itself would hide the real meaning of that name.
    (label.as_str() != "localhost").then_some(label)
}

/// Reads option 81 (RFC 4702 section 2): flags, two result codes, then the name in DNS encoding or, with the E bit
/// clear, in the old ASCII form.
pub(crate) fn from_fqdn(data: &[u8]) -> Option<Label> {
    const E_BIT: u8 = 0x04;
    let (&flags, rest) = data.split_first()?;
    let name = rest.get(2..)?;
    if flags & E_BIT == 0 {
        return from_hostname(name);
    }
    let (&len, labels) = name.split_first()?;
    let first = labels.get(..usize::from(len))?;
    // A dot inside a DNS label is part of the label, so this is none of ours.
    if first.contains(&b'.') {
        return None;
    }
    from_hostname(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(label: Option<Label>) -> Option<String> {
        label.map(|label| label.to_string())
    }

    #[test]
    fn a_label_is_lower_cased_and_the_rest_of_the_name_dropped() {
        assert_eq!(
            text(from_hostname(b"LapTop-7")).as_deref(),
            Some("laptop-7")
        );
        assert_eq!(
            text(from_hostname(b"camera.lan")).as_deref(),
            Some("camera")
        );
        assert_eq!(text(from_hostname(b"tv\0")).as_deref(), Some("tv"));
    }

    #[test]
    fn what_is_no_label_is_dropped() {
        let long = [b'a'; 300];
        let bad: [&[u8]; 11] = [
            b"",
            b"-a",
            b"a-",
            b"a b",
            b"a\nb",
            b"\"a\"",
            b"<script>",
            b".lan",
            b"caf\xc3\xa9",
            b"\xff\xfe",
            &long,
        ];
        for name in bad {
            assert_eq!(from_hostname(name), None, "{name:?}");
        }
        assert_eq!(from_hostname(b"localhost.localdomain"), None);
    }

    #[test]
    fn option_81_is_read_in_both_encodings() {
        assert_eq!(
            text(from_fqdn(b"\x00\x00\x00Phone.lan")).as_deref(),
            Some("phone")
        );
        assert_eq!(
            text(from_fqdn(b"\x05\x00\x00\x05phone\x03lan\x00")).as_deref(),
            Some("phone")
        );
        for bad in [
            &b""[..],
            b"\x05",
            b"\x05\x00\x00",
            b"\x05\x00\x00\x09phone",
            b"\x05\x00\x00\x03a.b\x00",
        ] {
            assert_eq!(from_fqdn(bad), None, "{bad:?}");
        }
    }
}
