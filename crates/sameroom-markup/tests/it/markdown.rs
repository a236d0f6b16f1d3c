//! Markdown: source, tree, every other dialect.

use sameroom_markup::{Dialect, Markdown};
use sameroom_types::text::{Inline, Mention, Text};

use crate::table::table;
use crate::trees::text;

#[test]
fn styles() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "**b** *i* __b__ _i_ ~~s~~ `c` ***bi***"), @r#"
    tree: p(bold("b") " " italic("i") " " bold("b") " " italic("i") " " strike("s") " " code("c") " " bold(italic("bi")))
    plain: "b i b i s c bi"
    irc: "\u{2}b\u{f} \u{1d}i\u{f} \u{2}b\u{f} \u{1d}i\u{f} \u{1e}s\u{f} \u{11}c\u{f} \u{2}\u{1d}bi\u{f}"
    irc, no codes: "*b* _i_ *b* _i_ ~s~ `c` *_bi_*"
    xmpp-styling: "*b* _i_ *b* _i_ ~s~ `c` *_bi_*"
    matrix-html: "<strong>b</strong> <em>i</em> <strong>b</strong> <em>i</em> <del>s</del> <code>c</code> <strong><em>bi</em></strong>"
    "#);
}

#[test]
fn a_single_line_end_breaks() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "a\nb\n\nc"), @r#"
    tree: p("a" br "b") p("c")
    plain: "a\nb\n\nc"
    irc: "a / b / c"
    irc, no codes: "a / b / c"
    xmpp-styling: "a\nb\n\nc"
    matrix-html: "<p>a<br>b</p><p>c</p>"
    "#);
}

#[test]
fn headings_are_bold() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "# One\n## Two *x*\ntext"), @r#"
    tree: p(bold("One")) p(bold("Two " italic("x"))) p("text")
    plain: "One\n\nTwo x\n\ntext"
    irc: "\u{2}One\u{f} / \u{2}Two \u{1d}x\u{f} / text"
    irc, no codes: "*One* / *Two _x_* / text"
    xmpp-styling: "*One*\n\n*Two _x_*\n\ntext"
    matrix-html: "<p><strong>One</strong></p><p><strong>Two <em>x</em></strong></p><p>text</p>"
    "#);
}

#[test]
fn code_blocks() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "```Rust ignore\nlet x;\n\n```\n\n    indented"), @r#"
    tree: pre(rust "let x;") pre(- "indented")
    plain: "let x;\n\nindented"
    irc: "\u{11}let x;\u{f} / \u{11}indented\u{f}"
    irc, no codes: "`let x;` / `indented`"
    xmpp-styling: "```rust\nlet x;\n```\n\n```\nindented\n```"
    matrix-html: "<pre><code class=\"language-rust\">let x;</code></pre><pre><code>indented</code></pre>"
    "#);
}

#[test]
fn quotes_and_lists() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "> q\n> - a\n>   1. b\n>\n> r"), @r#"
    tree: quote(p("q") list(- [p("a") list(1 [p("b")])]) p("r"))
    plain: "> q\n>\n> - a\n>   1. b\n>\n> r"
    irc: "> q / > - a / >   1. b / > r"
    irc, no codes: "> q / > - a / >   1. b / > r"
    xmpp-styling: "> q\n>\n> - a\n>   1. b\n>\n> r"
    matrix-html: "<blockquote><p>q</p><ul><li><p>a</p><ol><li>b</li></ol></li></ul><p>r</p></blockquote>"
    "#);
}

#[test]
fn numbered_lists() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "3. a\n4. b\n\n   more"), @r#"
    tree: list(3 [p("a")] [p("b") p("more")])
    plain: "3. a\n4. b\n\n   more"
    irc: "3. a / 4. b /    more"
    irc, no codes: "3. a / 4. b /    more"
    xmpp-styling: "3. a\n4. b\n\n   more"
    matrix-html: "<ol start=\"3\"><li>a</li><li><p>b</p><p>more</p></li></ol>"
    "#);
}

#[test]
fn links() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "[label *x*](https://a.example \"t\") <https://b.example> https://c.example/a_b_c ![pic](https://d.example/p.png)"), @r#"
    tree: p(link(https://a.example "label " italic("x")) " " link(https://b.example ) " " link(https://c.example/a_b_c ) " " link(https://d.example/p.png "pic"))
    plain: "label x (https://a.example) https://b.example https://c.example/a_b_c pic (https://d.example/p.png)"
    irc: "label x (https://a.example) https://b.example https://c.example/a_b_c pic (https://d.example/p.png)"
    irc, no codes: "label x (https://a.example) https://b.example https://c.example/a_b_c pic (https://d.example/p.png)"
    xmpp-styling: "label x (https://a.example) https://b.example https://c.example/a_b_c pic (https://d.example/p.png)"
    matrix-html: "<a href=\"https://a.example\">label <em>x</em></a> <a href=\"https://b.example\">https://b.example</a> <a href=\"https://c.example/a_b_c\">https://c.example/a_b_c</a> <a href=\"https://d.example/p.png\">pic</a>"
    "#);
}

#[test]
fn unsafe_links_are_text() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "[x](javascript:alert) [y](relative)"), @r#"
    tree: p("x (javascript:alert) y (relative)")
    plain: "x (javascript:alert) y (relative)"
    irc: "x (javascript:alert) y (relative)"
    irc, no codes: "x (javascript:alert) y (relative)"
    xmpp-styling: "x (javascript:alert) y (relative)"
    matrix-html: "x (javascript:alert) y (relative)"
    "#);
}

#[test]
fn tables_are_code() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "| a | long head |\n|---|---|\n| 1 | **2** |"), @r#"
    tree: pre(- "a | long head\n1 | 2")
    plain: "a | long head\n1 | 2"
    irc: "\u{11}a | long head\u{f} / \u{11}1 | 2\u{f}"
    irc, no codes: "`a | long head` / `1 | 2`"
    xmpp-styling: "```\na | long head\n1 | 2\n```"
    matrix-html: "<pre><code>a | long head\n1 | 2</code></pre>"
    "#);
}

#[test]
fn html_is_text() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "<b>x</b> <!-- c -->\n\n<div>\ny\n</div>"), @r#"
    tree: p("<b>x</b> <!-- c -->") p("<div>" br "y" br "</div>")
    plain: "<b>x</b> <!-- c -->\n\n<div>\ny\n</div>"
    irc: "<b>x</b> <!-- c --> / <div> / y / </div>"
    irc, no codes: "<b>x</b> <!-- c --> / <div> / y / </div>"
    xmpp-styling: "<b>x</b> <!-- c -->\n\n<div>\ny\n</div>"
    matrix-html: "<p>&lt;b&gt;x&lt;/b&gt; &lt;!-- c --&gt;</p><p>&lt;div&gt;<br>y<br>&lt;/div&gt;</p>"
    "#);
}

#[test]
fn spoilers() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "||a *b*|| \\|\\|c\\|\\| || d"), @r#"
    tree: p(spoiler("a " italic("b")) " ||c|| || d")
    plain: "[spoiler: a b] ||c|| || d"
    irc: "\u{3}01,01a \u{1d}b\u{f} ||c|| || d"
    irc, no codes: "[spoiler: a _b_] ||c|| || d"
    xmpp-styling: "[spoiler: a _b_] ||c|| || d"
    matrix-html: "<span data-mx-spoiler>a <em>b</em></span> ||c|| || d"
    "#);
}

#[test]
fn escapes_and_entities() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "\\*a\\* &amp; &lt; a\\_b"), @r#"
    tree: p("*a* & < a_b")
    plain: "*a* & < a_b"
    irc: "*a* & < a_b"
    irc, no codes: "*a* & < a_b"
    xmpp-styling (unstyled): "*a* & < a_b"
    matrix-html: "*a* &amp; &lt; a_b"
    "#);
}

#[test]
fn rules() {
    insta::assert_snapshot!(table(&Markdown { spoilers: true }, "a\n\n---\n\nb"), @r#"
    tree: p("a") p("———") p("b")
    plain: "a\n\n———\n\nb"
    irc: "a / ——— / b"
    irc, no codes: "a / ——— / b"
    xmpp-styling: "a\n\n———\n\nb"
    matrix-html: "<p>a</p><p>———</p><p>b</p>"
    "#);
}

#[test]
fn what_looks_like_a_mark_is_escaped() {
    let check = |source: &str, expected: &str| {
        assert_eq!(Markdown { spoilers: false }.render(&Text::plain(source)), expected);
    };
    check("snake_case and C:\\dir", "snake_case and C:\\dir");
    check("_x_ *y* `z`", "\\_x\\_ \\*y\\* \\`z\\`");
    check("# a\n- b\n1. c\n> d\n+ e\n===", "\\# a\n\\- b\n1\\. c\n\\> d\n\\+ e\n\\===");
    check("1.5 a-b #c 2 > 1", "1.5 a-b #c 2 > 1");
    check("<@123> <b> &amp; a & b", "\\<@\u{200b}123> \\<b> \\&amp; a & b");
    check("    four", "four");
    check("[x](y) ![z](w)", "\\[x\\](y) \\!\\[z\\](w)");
    check("@ann me@a.example", "@\u{200b}ann me@a.example");
}

#[test]
fn styles_that_cannot_be_written_are_left_out() {
    let check = |inlines: Vec<Inline>, expected: &str| {
        assert_eq!(Markdown { spoilers: false }.render(&Text::paragraph(inlines)), expected);
    };
    check(vec![Inline::Bold(vec![text(" a ")]), text("b")], "**a** b");
    check(vec![Inline::Bold(vec![text("a.")]), text("b")], "a.b");
    check(vec![Inline::Bold(vec![text("a")]), Inline::Italic(vec![text("b")])], "**a**_b_");
    check(vec![text("x"), Inline::Italic(vec![text("y")]), text("z")], "x*y*z");
    check(vec![Inline::Code("a``b`".into())], "``` a``b` ```");
}

#[test]
fn mentions_are_names() {
    let user = |id: &str| vec![Inline::Mention(Mention::User { id: id.into(), name: "ann_b".into() })];
    assert_eq!(Markdown::default().render(&Text::paragraph(user("7"))), "@ann_b");
    assert_eq!(Markdown::default().render(&Text::paragraph(user(""))), "@\u{200b}ann_b");
}
