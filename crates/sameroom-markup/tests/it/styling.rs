//! Message Styling: source, tree, every other dialect.

use sameroom_markup::{Dialect, XmppStyling};
use sameroom_types::text::{Inline, Text};

use crate::table::table;
use crate::trees::text;

#[test]
fn spans() {
    insta::assert_snapshot!(table(&XmppStyling, "*strong* _emph_ ~gone~ `*code*`"), @r#"
    tree: p(bold("strong") " " italic("emph") " " strike("gone") " " code("*code*"))
    plain: "strong emph gone *code*"
    irc: "\u{2}strong\u{f} \u{1d}emph\u{f} \u{1e}gone\u{f} \u{11}*code*\u{f}"
    irc, no codes: "*strong* _emph_ ~gone~ `*code*`"
    markdown: "**strong** _emph_ ~~gone~~ `*code*`"
    markdown, spoilers: "**strong** _emph_ ~~gone~~ `*code*`"
    matrix-html: "<strong>strong</strong> <em>emph</em> <del>gone</del> <code>*code*</code>"
    "#);
}

#[test]
fn spans_nest() {
    insta::assert_snapshot!(table(&XmppStyling, "*a _b ~c~_*"), @r#"
    tree: p(bold("a " italic("b " strike("c"))))
    plain: "a b c"
    irc: "\u{2}a \u{1d}b \u{1e}c\u{f}"
    irc, no codes: "*a _b ~c~_*"
    markdown: "**a _b ~~c~~_**"
    markdown, spoilers: "**a _b ~~c~~_**"
    matrix-html: "<strong>a <em>b <del>c</del></em></strong>"
    "#);
}

#[test]
fn the_shortest_span_wins() {
    insta::assert_snapshot!(table(&XmppStyling, "*strong*plain*"), @r#"
    tree: p(bold("strong") "plain*")
    plain: "strongplain*"
    irc: "\u{2}strong\u{f}plain*"
    irc, no codes: "*strong*plain*"
    markdown: "**strong**plain\\*"
    markdown, spoilers: "**strong**plain\\*"
    matrix-html: "<strong>strong</strong>plain*"
    "#);
}

#[test]
fn no_span_opens_before_a_blank() {
    insta::assert_snapshot!(table(&XmppStyling, "* no *yes*"), @r#"
    tree: p("* no " bold("yes"))
    plain: "* no yes"
    irc: "* no \u{2}yes\u{f}"
    irc, no codes: "* no *yes*"
    markdown: "\\* no **yes**"
    markdown, spoilers: "\\* no **yes**"
    matrix-html: "* no <strong>yes</strong>"
    "#);
}

#[test]
fn no_span_opens_in_a_word() {
    insta::assert_snapshot!(table(&XmppStyling, "a*b*c 2*3*4"), @r#"
    tree: p("a*b*c 2*3*4")
    plain: "a*b*c 2*3*4"
    irc: "a*b*c 2*3*4"
    irc, no codes: "a*b*c 2*3*4"
    markdown: "a\\*b\\*c 2\\*3\\*4"
    markdown, spoilers: "a\\*b\\*c 2\\*3\\*4"
    matrix-html: "a*b*c 2*3*4"
    "#);
}

#[test]
fn no_span_closes_after_a_blank() {
    insta::assert_snapshot!(table(&XmppStyling, "*no * yes*"), @r#"
    tree: p(bold("no * yes"))
    plain: "no * yes"
    irc: "\u{2}no * yes\u{f}"
    irc, no codes: "*no * yes*"
    markdown: "**no \\* yes**"
    markdown, spoilers: "**no \\* yes**"
    matrix-html: "<strong>no * yes</strong>"
    "#);
}

#[test]
fn no_span_is_empty() {
    insta::assert_snapshot!(table(&XmppStyling, "** **** __ ``"), @r#"
    tree: p("** **** __ ``")
    plain: "** **** __ ``"
    irc: "** **** __ ``"
    irc, no codes: "** **** __ ``"
    markdown: "\\*\\* \\*\\*\\*\\* \\_\\_ \\`\\`"
    markdown, spoilers: "\\*\\* \\*\\*\\*\\* \\_\\_ \\`\\`"
    matrix-html: "** **** __ ``"
    "#);
}

#[test]
fn no_span_crosses_a_line() {
    insta::assert_snapshot!(table(&XmppStyling, "*a\nb*"), @r#"
    tree: p("*a" br "b*")
    plain: "*a\nb*"
    irc: "*a / b*"
    irc, no codes: "*a / b*"
    markdown: "\\*a\nb\\*"
    markdown, spoilers: "\\*a\nb\\*"
    matrix-html: "*a<br>b*"
    "#);
}

#[test]
fn quotes_nest() {
    insta::assert_snapshot!(table(&XmppStyling, "> a\n>> b\n>c\nd"), @r#"
    tree: quote(p("a") quote(p("b")) p("c")) p("d")
    plain: "> a\n>\n> > b\n>\n> c\n\nd"
    irc: "> a / > > b / > c / d"
    irc, no codes: "> a / > > b / > c / d"
    markdown: "> a\n>\n> > b\n>\n> c\n\nd"
    markdown, spoilers: "> a\n>\n> > b\n>\n> c\n\nd"
    matrix-html: "<blockquote><p>a</p><blockquote>b</blockquote><p>c</p></blockquote><p>d</p>"
    "#);
}

#[test]
fn preformatted() {
    insta::assert_snapshot!(table(&XmppStyling, "```rust\nfn *x*\n\n  y\n```\nafter"), @r#"
    tree: pre(rust "fn *x*\n\n  y") p("after")
    plain: "fn *x*\n\n  y\n\nafter"
    irc: "\u{11}fn *x*\u{f} / \u{11}  y\u{f} / after"
    irc, no codes: "`fn *x*` / `  y` / after"
    markdown: "```rust\nfn *x*\n\n  y\n```\n\nafter"
    markdown, spoilers: "```rust\nfn *x*\n\n  y\n```\n\nafter"
    matrix-html: "<pre><code class=\"language-rust\">fn *x*\n\n  y</code></pre><p>after</p>"
    "#);
}

#[test]
fn preformatted_ends_with_its_quote() {
    insta::assert_snapshot!(table(&XmppStyling, "> ```\n> x\nafter"), @r#"
    tree: quote(pre(- "x")) p("after")
    plain: "> x\n\nafter"
    irc: "> \u{11}x\u{f} / after"
    irc, no codes: "> `x` / after"
    markdown: "> ```\n> x\n> ```\n\nafter"
    markdown, spoilers: "> ```\n> x\n> ```\n\nafter"
    matrix-html: "<blockquote><pre><code>x</code></pre></blockquote><p>after</p>"
    "#);
}

#[test]
fn preformatted_without_end() {
    insta::assert_snapshot!(table(&XmppStyling, "```\nx"), @r#"
    tree: pre(- "x")
    plain: "x"
    irc: "\u{11}x\u{f}"
    irc, no codes: "`x`"
    markdown: "```\nx\n```"
    markdown, spoilers: "```\nx\n```"
    matrix-html: "<pre><code>x</code></pre>"
    "#);
}

#[test]
fn a_fence_inside_a_line_is_none() {
    insta::assert_snapshot!(table(&XmppStyling, "a ```x```"), @r#"
    tree: p("a ```x```")
    plain: "a ```x```"
    irc: "a ```x```"
    irc, no codes: "a ```x```"
    markdown: "a \\`\\`\\`x\\`\\`\\`"
    markdown, spoilers: "a \\`\\`\\`x\\`\\`\\`"
    matrix-html: "a ```x```"
    "#);
}

#[test]
fn accidental_marks_are_not_styled() {
    let check = |text: &Text, expected: bool| {
        let rendered = XmppStyling.render(text);
        assert_eq!(XmppStyling.is_styled(&rendered, text), expected, "{rendered:?}");
    };
    check(&Text::plain("nothing here"), true);
    check(&Text::plain("2 * 3 * 4"), true);
    check(&Text::plain("*x*"), false);
    check(&Text::plain("> x"), false);
    check(&Text::plain("```"), false);
    check(&Text::paragraph(vec![Inline::Bold(vec![text("x")])]), true);
    check(&Text::paragraph(vec![Inline::Bold(vec![text("x")]), text(" _y_")]), false);
    check(&Text::paragraph(vec![text("a"), Inline::Bold(vec![text("x")])]), true);
}

#[test]
fn actions_are_never_made_by_text() {
    assert_eq!(XmppStyling.render(&Text::plain("/me waves")), "\u{200b}/me waves");
}
