use super::*;

fn values(text: &str) -> Vec<String> {
    let blocks = parse(&format!("config a\n{text}")).unwrap();
    let settings = blocks.into_iter().flat_map(|block| block.options);
    let values = settings.flat_map(|setting| setting.values);
    values.map(|(_, value)| value).collect()
}

#[test]
fn sections_options_and_lists_have_their_lines() {
    let text = "package ntm\n\n# of the router\nconfig gateway 'gateway'\n\toption port '4750'\n\tlist dns 203.0.113.1\n\
                \tlist dns \"203.0.113.2\" # the second\n\nconfig wan\n\toption network\twan\n";
    let blocks = parse(text).unwrap();
    assert_eq!(blocks.len(), 2);
    assert_eq!(
        (
            blocks[0].kind.as_str(),
            blocks[0].name.as_deref(),
            blocks[0].line
        ),
        ("gateway", Some("gateway"), 4)
    );
    let dns = &blocks[0].options[1];
    assert!(dns.is_list && dns.line == 6);
    assert_eq!(
        dns.values,
        [(6, "203.0.113.1".to_owned()), (7, "203.0.113.2".to_owned())]
    );
    assert_eq!((blocks[1].name.as_deref(), blocks[1].line), (None, 9));
    assert_eq!(parse(""), Ok(Vec::new()));
    assert_eq!(parse("# nothing\n\n  \t\r\n"), Ok(Vec::new()));
}

#[test]
fn words_are_as_ucis() {
    assert_eq!(values("option a 'it'\\''s'\n"), ["it's"]);
    assert_eq!(values("option a \"a \\\"b\\\" \\\\\"\n"), ["a \"b\" \\"]);
    assert_eq!(
        values("option a 'two\nlines'\noption b c"),
        ["two\nlines", "c"]
    );
    assert_eq!(values("option a 'x'y\"z\"\n"), ["xyz"]);
    assert_eq!(
        values("option a '$(reboot) `id` # \\'\n"),
        ["$(reboot) `id` # \\"]
    );
    assert_eq!(
        values("option a 1\noption a 2\n"),
        ["2"],
        "the later one counts"
    );
    assert_eq!(values("list a 1\noption a 2\nlist a 3\n"), ["3"]);
    assert_eq!(values("option a b\\\nc\r\n"), ["bc"]);
}

#[test]
fn statements_are_as_ucis() {
    let plain = parse("config a b\noption c d#e\nlist f g\nconfig h\noption i j\n").unwrap();
    let short =
        parse("c a b;o c d # and so on; o x y\nl f g;;config h ; o i 'j'#k\np ntm").unwrap();
    let bare = |blocks: Vec<Block>| -> Vec<_> {
        let settings = |block: Block| -> Vec<_> {
            let of = |it: Setting| (it.key, it.is_list, it.values[0].1.clone());
            block.options.into_iter().map(of).collect()
        };
        let of = |block: Block| (block.kind.clone(), block.name.clone(), settings(block));
        blocks.into_iter().map(of).collect()
    };
    assert_eq!(bare(plain), bare(short));
    assert_eq!(values("option a \\#b\\;\noption c d;"), ["#b;", "d"]);
}

#[test]
fn sections_of_one_name_are_one() {
    let blocks =
        parse("config a x\noption b 1\nconfig a\noption b 2\nconfig a x\noption b 3\nlist c 4\n");
    let blocks = blocks.unwrap();
    assert_eq!(blocks.len(), 2);
    assert_eq!((blocks[0].line, blocks[0].options.len()), (1, 2));
    assert_eq!(blocks[0].options[0].values, [(6, "3".to_owned())]);
    assert_eq!(blocks[1].options[0].values, [(4, "2".to_owned())]);
    let (line, message) = parse("config a x\nconfig b x\n").unwrap_err();
    assert_eq!(line, 2);
    assert!(message.contains("of type \"a\" in line 1"), "{message}");
    assert_eq!(parse("config a\nconfig a\nconfig a ''\n").unwrap().len(), 3);
}

#[test]
fn an_option_without_a_value_is_not_set() {
    for empty in ["option a", "option a ''", "o a;", "option a # 2"] {
        assert_eq!(values(&format!("option a 1\n{empty}\noption b 2\n")), ["2"]);
        assert_eq!(values(&format!("list a 1\n{empty}\nlist a 3\n")), ["3"]);
    }
}

#[test]
fn what_uci_would_refuse_is_told_by_line() {
    let fault = |text: &str| parse(text).unwrap_err();
    assert_eq!(fault("config a\n\n\toption\n").0, 3);
    assert_eq!(fault("config a\n\n\toption b c d\n").0, 3);
    assert_eq!(fault("config a\nlist b\n").0, 2);
    assert_eq!(fault("config a;option b c;e f\n").0, 1);
    assert_eq!(fault("option a 'b'\n").0, 1);
    assert!(
        fault("config a\noption b 'c\n\n")
            .1
            .contains("nothing ends")
    );
    assert_eq!(fault("config a\noption b 'c\n\n").0, 2);
    assert!(fault("config a\noption 'b c' d\n").1.contains("no name"));
    assert!(fault("config 'a b'\n").1.contains("no name"));
    assert!(fault("konfig a\n").1.contains("config TYPE"));
    assert!(fault("[lan]\n").1.contains("config TYPE"));
    assert!(
        fault(&"config a\n".repeat(MAX_PARTS + 1))
            .1
            .contains("sections")
    );
    assert!(
        fault(&format!("config a\n{}", "list b c\n".repeat(MAX_PARTS + 1)))
            .1
            .contains("values")
    );
    assert!(fault(&" ".repeat(MAX_FILE + 1)).1.contains("longer"));
}

#[test]
fn nothing_makes_it_panic() {
    let text = "config gateway 'g'\n\toption a \"b\\\\\"\n\tlist c 'd'\n";
    for end in 0..=text.len() {
        let _ = parse(&text[..end]);
        for odd in ['\'', '"', '\\', '\n', '#', '\u{202e}'] {
            let _ = parse(&format!("{}{odd}{}", &text[..end], &text[end..]));
        }
    }
}
