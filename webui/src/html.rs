//! A builder for pages that escapes whatever was not written in this crate.
//!
//! Tags and attribute names are `&'static str`, so they come from the source; values and texts may come from anywhere:
//! a host name of a device, a name of another domain. There is no way to put such a string in unescaped.

/// An attribute's name and value.
pub(crate) type Attr<'a> = (&'static str, &'a str);

/// A page, or a part of one, as it grows.
#[derive(Default)]
pub(crate) struct Html(String);

/// Attributes that a browser follows. Only paths of our own may stand there: `javascript:` is an address, too.
const ADDRESSES: [&str; 3] = ["href", "src", "action"];

impl Html {
    /// An element and what is in it.
    pub(crate) fn el(
        &mut self,
        tag: &'static str,
        attrs: &[Attr<'_>],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attrs);
        inside(self);
        self.close(tag);
    }

    /// An element with nothing but text in it.
    pub(crate) fn leaf(&mut self, tag: &'static str, attrs: &[Attr<'_>], text: &str) {
        self.open(tag, attrs);
        self.text(text);
        self.close(tag);
    }

    /// An opening tag; also all of an element that has no end, like `input`.
    pub(crate) fn open(&mut self, tag: &'static str, attrs: &[Attr<'_>]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attrs {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            if ADDRESSES.contains(name) && !is_ours(value) {
                self.0.push('#');
            } else {
                self.escaped(value);
            }
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// A closing tag.
    pub(crate) fn close(&mut self, tag: &'static str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) {
        self.escaped(text);
    }

    /// Text from a network. What surrounds it keeps its direction, whichever way it runs itself.
    pub(crate) fn name(&mut self, text: &str) {
        self.leaf("bdi", &[], text);
    }

    /// Markup of our own.
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// The markup.
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if is_invisible(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }
}

/// What shows nothing and changes how the rest looks: control characters, and marks and overrides of direction
/// (Unicode Standard Annex 9), with which a name could pass for another.
fn is_invisible(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A path on this server, or a place on this page; `//host` is neither.
fn is_ours(address: &str) -> bool {
    address.starts_with('#') || (address.starts_with('/') && !address.starts_with("//"))
}

/// At most so many characters of `text`, and a mark where there were more.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_in_is_text_and_nothing_else() {
        let mut html = Html::default();
        html.el("p", &[("title", "\"><img src=x onerror=alert(1)>")], |p| {
            p.name("<script>alert('1')</script> & co");
        });
        assert_eq!(
            html.into_string(),
            "<p title=\"&quot;&gt;&lt;img src=x onerror=alert(1)&gt;\"><bdi>&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; co</bdi></p>"
        );
    }

    #[test]
    fn marks_of_direction_and_control_characters_are_seen() {
        let mut html = Html::default();
        html.text("a\u{202e}b\u{0}c\u{200f}d\u{7f}e\u{1b}[1m");
        assert_eq!(
            html.into_string(),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}[1m"
        );
    }

    #[test]
    fn a_link_leads_to_a_path_of_ours() {
        for bad in [
            "javascript:alert(1)",
            "https://x.test/",
            "data:text/html,x",
            "//x.test/",
        ] {
            let mut html = Html::default();
            html.leaf("a", &[("href", bad)], "x");
            assert_eq!(html.into_string(), "<a href=\"#\">x</a>", "{bad}");
        }
        let mut html = Html::default();
        html.leaf("a", &[("href", "/peers")], "x");
        assert_eq!(html.into_string(), "<a href=\"/peers\">x</a>");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(short("カメラのなまえ", 4), "カメラ…");
        assert_eq!(short("four", 4), "four");
    }
}
