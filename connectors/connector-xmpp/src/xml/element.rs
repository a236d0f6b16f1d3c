//! A parsed stanza.

use rxml::{Namespace, NcName};

use crate::xml::Xml;

/// An element with what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(super) name: NcName,
    pub(super) ns: Namespace<'static>,
    /// Attributes; those in a namespace carry its name and a `^` before their own.
    pub(super) attrs: Vec<(Box<str>, String)>,
    pub(super) nodes: Vec<Node>,
}

/// What an element holds.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The name without its namespace.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The namespace.
    pub(crate) fn ns(&self) -> &str {
        self.ns.as_str()
    }

    /// Whether it has this name in this namespace.
    pub(crate) fn is(&self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }

    /// An attribute without a namespace.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(key, _)| &**key == name).map(|(_, value)| value.as_str())
    }

    /// The elements directly inside.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element inside of this name and namespace.
    pub(crate) fn child(&self, name: &str, ns: &str) -> Option<&Self> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The first element inside of this name, in the same namespace as this one.
    pub(crate) fn own_child(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name() == name && child.ns == self.ns)
    }

    /// The text directly inside.
    pub(crate) fn text(&self) -> String {
        let mut texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        let mut whole = texts.next().unwrap_or_default().to_owned();
        for text in texts {
            whole.push_str(text);
        }
        whole
    }

    /// The text of the first element inside of this name, in the same namespace as this one.
    pub(crate) fn own_text(&self, name: &str) -> Option<String> {
        self.own_child(name).map(Self::text)
    }

    /// The element as XML, its names without prefixes; for payloads that another parser reads.
    pub(crate) fn to_xml(&self) -> String {
        let mut xml = Xml::new();
        self.write(&mut xml, "");
        xml.finish()
    }

    fn write(&self, xml: &mut Xml, around: &str) {
        xml.start(self.name());
        if self.ns() != around {
            xml.attr("xmlns", self.ns());
        }
        for (key, value) in &self.attrs {
            if !key.contains('^') {
                xml.attr(key, value);
            }
        }
        for node in &self.nodes {
            match node {
                Node::Element(child) => child.write(xml, self.ns()),
                Node::Text(text) => xml.text(text),
            }
        }
        xml.end(self.name());
    }
}
