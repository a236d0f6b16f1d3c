//! Matrix HTML: source, tree, every other dialect.

use sameroom_markup::{Dialect, MatrixHtml};
use sameroom_types::text::{Block, Inline, Text};

use crate::table::table;
use crate::trees::text;

#[test]
fn styles() {
    insta::assert_snapshot!(table(&MatrixHtml, "<b>b</b> <em>i</em> <u>u</u> <del>s</del> <code>c  d</code> <strike>t</strike>"), @r#"
    tree: p(bold("b") " " italic("i") " " underline("u") " " strike("s") " " code("c d") " " strike("t"))
    plain: "b i u s c d t"
    irc: "\u{2}b\u{f} \u{1d}i\u{f} \u{1f}u\u{f} \u{1e}s\u{f} \u{11}c d\u{f} \u{1e}t\u{f}"
    irc, no codes: "*b* _i_ _u_ ~s~ `c d` ~t~"
    xmpp-styling: "*b* _i_ _u_ ~s~ `c d` ~t~"
    markdown: "**b** _i_ _u_ ~~s~~ `c d` ~~t~~"
    markdown, spoilers: "**b** _i_ _u_ ~~s~~ `c d` ~~t~~"
    "#);
}

#[test]
fn misnested_styles() {
    insta::assert_snapshot!(table(&MatrixHtml, "<b>a<i>b</b>c</i>d"), @r#"
    tree: p(bold("a" italic("b")) italic("c") "d")
    plain: "abcd"
    irc: "\u{2}a\u{1d}b\u{2}c\u{f}d"
    irc, no codes: "*a_b_*_c_d"
    xmpp-styling: "*ab*cd"
    markdown: "abcd"
    markdown, spoilers: "abcd"
    "#);
}

#[test]
fn paragraphs_and_breaks() {
    insta::assert_snapshot!(table(&MatrixHtml, "<p>a<br>b</p>\n<p> c  d\n e </p>"), @r#"
    tree: p("a" br "b") p("c d e")
    plain: "a\nb\n\nc d e"
    irc: "a / b / c d e"
    irc, no codes: "a / b / c d e"
    xmpp-styling: "a\nb\n\nc d e"
    markdown: "a\nb\n\nc d e"
    markdown, spoilers: "a\nb\n\nc d e"
    "#);
}

#[test]
fn pills() {
    insta::assert_snapshot!(table(&MatrixHtml, "<a href=\"https://matrix.to/#/%40ann:ex.org\">Ann</a> <a href='https://matrix.to/#/#dev:ex.org?via=x'>#dev</a> <a href=\"matrix:u/bob:ex.org\">bob</a> <a href=\"https://matrix.to/#/!r/$e\">that</a>"), @r#"
    tree: p(user(@ann:ex.org Ann) " " room(#dev:ex.org dev) " " user(@bob:ex.org bob) " " link(https://matrix.to/#/!r/$e "that"))
    plain: "@Ann #dev @bob that (https://matrix.to/#/!r/$e)"
    irc: "Ann #dev bob that (https://matrix.to/#/!r/$e)"
    irc, no codes: "Ann #dev bob that (https://matrix.to/#/!r/$e)"
    xmpp-styling: "@Ann #dev @bob that (https://matrix.to/#/!r/$e)"
    markdown: "@Ann #dev @bob [that](https://matrix.to/#/!r/$e)"
    markdown, spoilers: "@Ann #dev @bob [that](https://matrix.to/#/!r/$e)"
    "#);
}

#[test]
fn spoilers() {
    insta::assert_snapshot!(table(&MatrixHtml, "<span data-mx-spoiler>x</span> <span data-mx-spoiler=\"end\">y</span> <span data-mx-color=\"#fff\">z</span>"), @r#"
    tree: p(spoiler("x") " (end) " spoiler("y") " z")
    plain: "[spoiler: x] (end) [spoiler: y] z"
    irc: "\u{3}01,01x\u{f} (end) \u{3}01,01y\u{f} z"
    irc, no codes: "[spoiler: x] (end) [spoiler: y] z"
    xmpp-styling: "[spoiler: x] (end) [spoiler: y] z"
    markdown: "\\[spoiler: x\\] (end) \\[spoiler: y\\] z"
    markdown, spoilers: "||x|| (end) ||y|| z"
    "#);
}

#[test]
fn replies_are_dropped() {
    insta::assert_snapshot!(table(&MatrixHtml, "<mx-reply><blockquote>old</blockquote></mx-reply>new"), @r#"
    tree: p("new")
    plain: "new"
    irc: "new"
    irc, no codes: "new"
    xmpp-styling: "new"
    markdown: "new"
    markdown, spoilers: "new"
    "#);
}

#[test]
fn code_blocks() {
    insta::assert_snapshot!(table(&MatrixHtml, "<pre><code class=\"language-rust\">let x = &quot;a&quot;;\n\n  y &lt; z\n</code></pre>"), @r#"
    tree: pre(rust "let x = \"a\";\n\n  y < z")
    plain: "let x = \"a\";\n\n  y < z"
    irc: "\u{11}let x = \"a\";\u{f} / \u{11}  y < z\u{f}"
    irc, no codes: "`let x = \"a\";` / `  y < z`"
    xmpp-styling: "```rust\nlet x = \"a\";\n\n  y < z\n```"
    markdown: "```rust\nlet x = \"a\";\n\n  y < z\n```"
    markdown, spoilers: "```rust\nlet x = \"a\";\n\n  y < z\n```"
    "#);
}

#[test]
fn quotes_and_lists() {
    insta::assert_snapshot!(table(&MatrixHtml, "<blockquote>q<ul><li>a<ol start=\"3\"><li>b</li></ol></li><li>c</li></ul></blockquote>after"), @r#"
    tree: quote(p("q") list(- [p("a") list(3 [p("b")])] [p("c")])) p("after")
    plain: "> q\n>\n> - a\n>   3. b\n> - c\n\nafter"
    irc: "> q / > - a / >   3. b / > - c / after"
    irc, no codes: "> q / > - a / >   3. b / > - c / after"
    xmpp-styling: "> q\n>\n> - a\n>   3. b\n> - c\n\nafter"
    markdown: "> q\n>\n> - a\n>\n>   3. b\n> - c\n\nafter"
    markdown, spoilers: "> q\n>\n> - a\n>\n>   3. b\n> - c\n\nafter"
    "#);
}

#[test]
fn tables_are_code() {
    insta::assert_snapshot!(table(&MatrixHtml, "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>long</td><td>x</td></tr></tbody></table>"), @r#"
    tree: pre(- "a    | b\nlong | x")
    plain: "a    | b\nlong | x"
    irc: "\u{11}a    | b\u{f} / \u{11}long | x\u{f}"
    irc, no codes: "`a    | b` / `long | x`"
    xmpp-styling: "```\na    | b\nlong | x\n```"
    markdown: "```\na    | b\nlong | x\n```"
    markdown, spoilers: "```\na    | b\nlong | x\n```"
    "#);
}

#[test]
fn pictures() {
    insta::assert_snapshot!(table(&MatrixHtml, "<img data-mx-emoticon src=\"mxc://a/b\" alt=\":cat:\"> <img src=\"https://a.example/t.gif\" alt=\"seen\">"), @r#"
    tree: p(emoji(cat mxc://a/b) " seen")
    plain: ":cat: seen"
    irc: ":cat: seen"
    irc, no codes: ":cat: seen"
    xmpp-styling: ":cat: seen"
    markdown: ":cat: seen"
    markdown, spoilers: ":cat: seen"
    "#);
}

#[test]
fn unknown_tags_leave_their_content() {
    insta::assert_snapshot!(table(&MatrixHtml, "<foo bar>a</foo><script>b</script><x-y/>c 1 < 2 <3 </> <!-- d --> e"), @r#"
    tree: p("ac 1 < 2 <3 </> e")
    plain: "ac 1 < 2 <3 </> e"
    irc: "ac 1 < 2 <3 </> e"
    irc, no codes: "ac 1 < 2 <3 </> e"
    xmpp-styling: "ac 1 < 2 <3 </> e"
    markdown: "ac 1 < 2 \\<3 \\</> e"
    markdown, spoilers: "ac 1 < 2 \\<3 \\</> e"
    "#);
}

#[test]
fn unsafe_links_are_text() {
    insta::assert_snapshot!(table(&MatrixHtml, "<a href=\"javascript:x\">a</a> <a>b</a>"), @r#"
    tree: p("a b")
    plain: "a b"
    irc: "a b"
    irc, no codes: "a b"
    xmpp-styling: "a b"
    markdown: "a b"
    markdown, spoilers: "a b"
    "#);
}

#[test]
fn headings_and_rules() {
    insta::assert_snapshot!(table(&MatrixHtml, "<h1>One</h1>two<hr>three"), @r#"
    tree: p(bold("One")) p("two") p("———") p("three")
    plain: "One\n\ntwo\n\n———\n\nthree"
    irc: "\u{2}One\u{f} / two / ——— / three"
    irc, no codes: "*One* / two / ——— / three"
    xmpp-styling: "*One*\n\ntwo\n\n———\n\nthree"
    markdown: "**One**\n\ntwo\n\n———\n\nthree"
    markdown, spoilers: "**One**\n\ntwo\n\n———\n\nthree"
    "#);
}

#[test]
fn unclosed_tags() {
    insta::assert_snapshot!(table(&MatrixHtml, "<ul><li>a<li>b<blockquote>c"), @r#"
    tree: list(- [p("a")] [p("b") quote(p("c"))])
    plain: "- a\n- b\n\n  > c"
    irc: "- a / - b /   > c"
    irc, no codes: "- a / - b /   > c"
    xmpp-styling: "- a\n- b\n\n  > c"
    markdown: "- a\n- b\n\n  > c"
    markdown, spoilers: "- a\n- b\n\n  > c"
    "#);
}

#[test]
fn every_character_of_the_text_is_escaped() {
    let tree = Text {
        blocks: vec![
            Block::Paragraph(vec![
                text("<b>&\"'"),
                Inline::Link { url: "https://a.example/\"><script>".into(), label: vec![text("</a>")] },
                Inline::Link { url: "javascript:alert(1)".into(), label: vec![text("x")] },
            ]),
            Block::CodeBlock { language: Some("\"><x".into()), code: "</code>".into() },
        ],
    };
    insta::assert_snapshot!(MatrixHtml.render(&tree), @r#"<p>&lt;b&gt;&amp;&quot;&#39;<a href="https://a.example/&quot;&gt;&lt;script&gt;">&lt;/a&gt;</a>x (javascript:alert(1))</p><pre><code class="language-x">&lt;/code&gt;</code></pre>"#);
}
