//! IRC: source, tree, every other dialect.

use sameroom_markup::Irc;

use crate::table::table;

#[test]
fn toggles_overlap() {
    insta::assert_snapshot!(table(&Irc::default(), "a \u{2}b \u{1d}c\u{2} d\u{1d} e"), @r#"
    tree: p("a " bold("b " italic("c")) italic(" d") " e")
    plain: "a b c d e"
    xmpp-styling: "a *b _c_* d e"
    markdown: "a **b _c_** d e"
    markdown, spoilers: "a **b _c_** d e"
    matrix-html: "a <strong>b <em>c</em></strong><em> d</em> e"
    "#);
}

#[test]
fn reset_ends_everything() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{2}\u{1f}\u{1e}x\u{f} y"), @r#"
    tree: p(bold(underline(strike("x"))) " y")
    plain: "x y"
    xmpp-styling: "*_~x~_* y"
    markdown: "**_~~x~~_** y"
    markdown, spoilers: "**_~~x~~_** y"
    matrix-html: "<strong><u><del>x</del></u></strong> y"
    "#);
}

#[test]
fn monospace_is_code() {
    insta::assert_snapshot!(table(&Irc::default(), "run \u{11}ls -l\u{11} now"), @r#"
    tree: p("run " code("ls -l") " now")
    plain: "run ls -l now"
    xmpp-styling: "run `ls -l` now"
    markdown: "run `ls -l` now"
    markdown, spoilers: "run `ls -l` now"
    matrix-html: "run <code>ls -l</code> now"
    "#);
}

#[test]
fn colours_are_dropped() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{3}4red\u{3} \u{3}04,12x\u{3}7 y\u{3},5 \u{4}ff0000z\u{4}"), @r#"
    tree: p("red x y,5 z")
    plain: "red x y,5 z"
    xmpp-styling: "red x y,5 z"
    markdown: "red x y,5 z"
    markdown, spoilers: "red x y,5 z"
    matrix-html: "red x y,5 z"
    "#);
}

#[test]
fn same_colours_are_a_spoiler() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{3}1,01hidden\u{3} \u{4}00aaff,00AAFFtoo\u{f} seen"), @r#"
    tree: p(spoiler("hidden") " " spoiler("too") " seen")
    plain: "[spoiler: hidden] [spoiler: too] seen"
    xmpp-styling: "[spoiler: hidden] [spoiler: too] seen"
    markdown: "\\[spoiler: hidden\\] \\[spoiler: too\\] seen"
    markdown, spoilers: "||hidden|| ||too|| seen"
    matrix-html: "<span data-mx-spoiler>hidden</span> <span data-mx-spoiler>too</span> seen"
    "#);
}

#[test]
fn colour_99_is_no_spoiler() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{3}99,99x\u{3}"), @r#"
    tree: p("x")
    plain: "x"
    xmpp-styling: "x"
    markdown: "x"
    markdown, spoilers: "x"
    matrix-html: "x"
    "#);
}

#[test]
fn a_comma_without_digit_is_text() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{3}4,x"), @r#"
    tree: p(",x")
    plain: ",x"
    xmpp-styling: ",x"
    markdown: ",x"
    markdown, spoilers: ",x"
    matrix-html: ",x"
    "#);
}

#[test]
fn typed_marks_are_text() {
    insta::assert_snapshot!(table(&Irc::default(), "*x* _y_ `z` <b>"), @r#"
    tree: p("*x* _y_ `z` <b>")
    plain: "*x* _y_ `z` <b>"
    xmpp-styling (unstyled): "*x* _y_ `z` <b>"
    markdown: "\\*x\\* \\_y\\_ \\`z\\` \\<b>"
    markdown, spoilers: "\\*x\\* \\_y\\_ \\`z\\` \\<b>"
    matrix-html: "*x* _y_ `z` &lt;b&gt;"
    "#);
}

#[test]
fn addresses_are_links() {
    insta::assert_snapshot!(table(&Irc::default(), "see https://a.example/x_(y), or http://b.example."), @r#"
    tree: p("see " link(https://a.example/x_(y) ) ", or " link(http://b.example ) ".")
    plain: "see https://a.example/x_(y), or http://b.example."
    xmpp-styling: "see https://a.example/x_(y), or http://b.example."
    markdown: "see <https://a.example/x_%28y%29>, or <http://b.example>."
    markdown, spoilers: "see <https://a.example/x_%28y%29>, or <http://b.example>."
    matrix-html: "see <a href=\"https://a.example/x_(y)\">https://a.example/x_(y)</a>, or <a href=\"http://b.example\">http://b.example</a>."
    "#);
}

#[test]
fn zero_width_spaces_in_names_go() {
    insta::assert_snapshot!(table(&Irc::default(), "a\u{200b}nn: hi\u{2060}"), @r#"
    tree: p("ann: hi")
    plain: "ann: hi"
    xmpp-styling: "ann: hi"
    markdown: "ann: hi"
    markdown, spoilers: "ann: hi"
    matrix-html: "ann: hi"
    "#);
}

#[test]
fn lines_of_a_batch() {
    insta::assert_snapshot!(table(&Irc::default(), "one\ntwo\n\nthree"), @r#"
    tree: p("one" br "two") p("three")
    plain: "one\ntwo\n\nthree"
    xmpp-styling: "one\ntwo\n\nthree"
    markdown: "one\ntwo\n\nthree"
    markdown, spoilers: "one\ntwo\n\nthree"
    matrix-html: "<p>one<br>two</p><p>three</p>"
    "#);
}

#[test]
fn reverse_and_ctcp_go() {
    insta::assert_snapshot!(table(&Irc::default(), "\u{1}ACTION waves\u{1} \u{16}x\u{16}"), @r#"
    tree: p("ACTION waves x")
    plain: "ACTION waves x"
    xmpp-styling: "ACTION waves x"
    markdown: "ACTION waves x"
    markdown, spoilers: "ACTION waves x"
    matrix-html: "ACTION waves x"
    "#);
}
