//! XHTML-IM: source, tree, every dialect.

use sameroom_markup::parse_xhtml_im;

use crate::table::table_of;

#[test]
fn styles_of_spans() {
    insta::assert_snapshot!(table_of(&parse_xhtml_im("<p>a <span style='font-weight: bold; color: red'>b</span> <span style='text-decoration:underline'>u</span> <span style='font-style:italic'>i</span></p>"), "none"), @r#"
    tree: p("a " bold("b") " " underline("u") " " italic("i"))
    plain: "a b u i"
    irc: "a \u{2}b\u{f} \u{1f}u\u{f} \u{1d}i\u{f}"
    irc, no codes: "a *b* _u_ _i_"
    xmpp-styling: "a *b* _u_ _i_"
    markdown: "a **b** _u_ _i_"
    markdown, spoilers: "a **b** _u_ _i_"
    matrix-html: "a <strong>b</strong> <u>u</u> <em>i</em>"
    "#);
}

#[test]
fn structure() {
    insta::assert_snapshot!(table_of(&parse_xhtml_im("<body><p>a<br/>b</p><ul><li>c</li></ul><blockquote>d</blockquote></body>"), "none"), @r#"
    tree: p("a" br "b") list(- [p("c")]) quote(p("d"))
    plain: "a\nb\n\n- c\n\n> d"
    irc: "a / b / - c / > d"
    irc, no codes: "a / b / - c / > d"
    xmpp-styling: "a\nb\n\n- c\n\n> d"
    markdown: "a\nb\n\n- c\n\n> d"
    markdown, spoilers: "a\nb\n\n- c\n\n> d"
    matrix-html: "<p>a<br>b</p><ul><li>c</li></ul><blockquote>d</blockquote>"
    "#);
}

#[test]
fn links_and_pictures() {
    insta::assert_snapshot!(table_of(&parse_xhtml_im("<a href='https://a.example/'>x</a> <a href='https://matrix.to/#/@ann:x'>y</a> <img src='https://a.example/p.png' alt='p'/>"), "none"), @r#"
    tree: p(link(https://a.example/ "x") " " link(https://matrix.to/#/@ann:x "y") " " link(https://a.example/p.png "p"))
    plain: "x (https://a.example/) y (https://matrix.to/#/@ann:x) p (https://a.example/p.png)"
    irc: "x (https://a.example/) y (https://matrix.to/#/@ann:x) p (https://a.example/p.png)"
    irc, no codes: "x (https://a.example/) y (https://matrix.to/#/@ann:x) p (https://a.example/p.png)"
    xmpp-styling: "x (https://a.example/) y (https://matrix.to/#/@ann:x) p (https://a.example/p.png)"
    markdown: "[x](https://a.example/) [y](https://matrix.to/#/@ann:x) [p](https://a.example/p.png)"
    markdown, spoilers: "[x](https://a.example/) [y](https://matrix.to/#/@ann:x) [p](https://a.example/p.png)"
    matrix-html: "<a href=\"https://a.example/\">x</a> <a href=\"https://matrix.to/#/@ann:x\">y</a> <a href=\"https://a.example/p.png\">p</a>"
    "#);
}
