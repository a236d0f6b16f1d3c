//! Pages as text. They need no script.

use crate::backend::{LinkPage, LinkView, PortalView, RowState};

/// The style that all pages share.
pub(crate) const STYLE: &str = include_str!("assets/page.css");

/// Characters that stay only characters, in text and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// One segment of a path or an extended header value: all but unreserved characters are escaped.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{}</title>\n<link rel=\"stylesheet\" href=\"/assets/page.css\">\n</head>\n<body>\n<main>\n{body}</main>\n\
         <footer>Sameroom</footer>\n</body>\n</html>\n",
        escape(title)
    )
}

/// What a link from a chat shows.
pub(crate) fn link(view: &LinkView) -> String {
    let (title, what, none) = match view.page {
        LinkPage::Map => ("Map", "Rooms that are one with it", "This room is connected to no other."),
        LinkPage::Manage => ("Manage", "Its tubes and portals", "This room has no tubes and no portals."),
    };
    let mut body =
        format!("<p class=\"over\">{title}</p>\n<h1>{}</h1>\n<h2>{what}</h2>\n", escape(&view.room));
    if view.rows.is_empty() {
        body.push_str(&format!("<p>{none}</p>\n"));
        return frame(&format!("{title}: {}", view.room), &body);
    }
    body.push_str("<ul class=\"rows\">\n");
    for row in &view.rows {
        let (class, word) = match row.state {
            RowState::Good => ("good", "working"),
            RowState::Waiting => ("waiting", "waiting"),
            RowState::Bad => ("bad", "needs attention"),
        };
        body.push_str(&format!(
            "<li><span class=\"name\">{}</span> <span class=\"state {class}\">{word}</span>",
            escape(&row.title)
        ));
        if !row.detail.is_empty() {
            body.push_str(&format!("<p>{}</p>", escape(&row.detail)));
        }
        body.push_str("</li>\n");
    }
    body.push_str("</ul>\n");
    frame(&format!("{title}: {}", view.room), &body)
}

/// What the visitor of a portal sees.
pub(crate) fn portal(view: &PortalView) -> String {
    let approval = if view.approval { "<p>Somebody in that room will be asked to agree.</p>\n" } else { "" };
    let body = format!(
        "<p class=\"over\">Portal</p>\n<h1>{}</h1>\n<p>A room on {}. Connect a room of yours to it, and the people in \
         both are in the same room.</p>\n<h2>How</h2>\n<ol>\n<li>Invite Sameroom into your room.</li>\n\
         <li>Say this there:<pre><code>{}</code></pre></li>\n</ol>\n{approval}",
        escape(&view.room),
        escape(&view.platform),
        escape(&view.command)
    );
    frame(&format!("Portal to {}", view.room), &body)
}

/// Nothing is here.
pub(crate) fn gone() -> String {
    frame(
        "Nothing here",
        "<h1>Nothing here</h1>\n<p>This address leads nowhere, or no longer: links from chats work for a while only. \
         Ask in your room for a new one.</p>\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::LinkRow;

    #[test]
    fn names_stay_text() {
        let row = LinkRow { title: "<b>x</b>".to_owned(), state: RowState::Bad, detail: "\"y\"".to_owned() };
        let html = link(&LinkView { page: LinkPage::Map, room: "<i>".to_owned(), rows: vec![row] });
        assert!(
            html.contains("&lt;b&gt;x&lt;/b&gt;") && html.contains("&quot;y&quot;") && !html.contains("<i>")
        );
    }
}
