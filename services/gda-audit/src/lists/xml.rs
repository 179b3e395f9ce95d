//! XML lists, one entry at a time as a small tree.

use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::error::{Fault, ListError, Position};
use super::input::{Input, Meter};

/// Elements nest five deep in the lists.
const MAX_DEPTH: usize = 16;

/// An element with everything in it. Names are without their namespace's prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The element's own text, if there is any.
    pub(super) fn own_text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// An entry that the format doesn't have. It may hold names: passing over it would lose them silently.
    pub(super) fn unexpected(&self) -> Fault {
        Fault::Malformed(format!("unexpected element <{}>", self.name))
    }

    /// The attribute's value, if there is any.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The children of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The elements `outer/inner`.
    pub(super) fn each_in<'a>(&'a self, outer: &'a str, inner: &'a str) -> impl Iterator<Item = &'a Element> {
        self.all(outer).flat_map(move |list| list.all(inner))
    }

    /// The text of the first child of a name, if there is any.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.children.iter().filter(|child| child.name == name).find_map(Element::own_text)
    }

    /// The texts of the children of a name.
    pub(super) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).filter_map(Element::own_text)
    }

    /// The texts of the elements `outer/inner`.
    pub(super) fn texts_in<'a>(&'a self, outer: &'a str, inner: &'a str) -> impl Iterator<Item = &'a str> {
        self.each_in(outer, inner).filter_map(Element::own_text)
    }
}

/// A list's document: a root, perhaps containers, entries.
pub(super) struct Xml<'a> {
    name: &'a str,
    reader: Reader<BufReader<Input<'a>>>,
    meter: Meter,
    buffer: Vec<u8>,
    containers: &'static [&'static str],
    /// How many elements above the entries are open.
    open: usize,
    /// The root with its attributes.
    pub(super) root: Element,
}

impl<'a> Xml<'a> {
    /// Reads up to the root element, which must be `root`. `format` is what errors call the list.
    pub(super) fn open(
        input: Input<'a>,
        root: &str,
        format: &'static str,
        containers: &'static [&'static str],
    ) -> Result<Self, ListError> {
        let (name, meter) = (input.name, input.meter());
        let mut reader = Reader::from_reader(BufReader::new(input));
        reader.config_mut().check_comments = true;
        let mut xml =
            Self { name, reader, meter, buffer: Vec::new(), containers, open: 1, root: Element::default() };
        loop {
            match xml.event().map_err(|fault| xml.error(fault))? {
                Some(Piece::Start(element)) if element.name == root => xml.root = element,
                Some(Piece::Empty(element)) if element.name == root => return Err(xml.error(Fault::Empty)),
                Some(Piece::Text(text)) if text.trim().is_empty() => continue,
                Some(_) => return Err(xml.error(Fault::WrongFormat(format))),
                // Text that never opened an element, or nothing at all.
                None if xml.reader.buffer_position() == 0 => return Err(xml.error(Fault::Empty)),
                None => return Err(xml.error(Fault::Cut("no root element".to_owned()))),
            }
            return Ok(xml);
        }
    }

    /// The next element below the root and the containers; `None` at the end of a complete document.
    pub(super) fn next(&mut self) -> Result<Option<Element>, ListError> {
        self.entry().map_err(|fault| self.error(fault))
    }

    pub(super) fn error(&self, fault: Fault) -> ListError {
        ListError::new(self.name, Position::Byte(self.reader.buffer_position()), fault)
    }

    fn entry(&mut self) -> Result<Option<Element>, Fault> {
        self.meter.reset();
        loop {
            match self.event()? {
                None if self.open == 0 => return Ok(None),
                None => return Err(Fault::Cut("the document's element is not closed".to_owned())),
                Some(Piece::Text(text)) if text.trim().is_empty() => {}
                Some(Piece::End) if self.open > 0 => self.open -= 1,
                Some(_) if self.open == 0 => {
                    return Err(Fault::Malformed("something follows the document's element".to_owned()));
                }
                Some(Piece::Start(element)) if self.containers.contains(&element.name.as_str()) => {
                    self.open += 1;
                    if self.open > MAX_DEPTH {
                        return Err(Fault::Forbidden("deep nesting"));
                    }
                }
                Some(Piece::Empty(element)) if self.containers.contains(&element.name.as_str()) => {}
                Some(Piece::Start(element)) => return self.tree(element).map(Some),
                Some(Piece::Empty(element)) => return Ok(Some(element)),
                Some(Piece::Text(_) | Piece::End) => {
                    return Err(Fault::Malformed("text between entries".to_owned()));
                }
            }
        }
    }

    /// The rest of an element that was opened.
    fn tree(&mut self, element: Element) -> Result<Element, Fault> {
        let mut open = vec![element];
        loop {
            let piece = self.event()?;
            let Some(top) = open.last_mut() else {
                return Err(Fault::Malformed("an element is closed twice".to_owned()));
            };
            match piece {
                None => return Err(Fault::Cut(format!("<{}> is not closed", top.name))),
                Some(Piece::Text(text)) => top.text.push_str(&text),
                Some(Piece::Empty(element)) => top.children.push(element),
                Some(Piece::Start(element)) if open.len() < MAX_DEPTH => open.push(element),
                Some(Piece::Start(_)) => return Err(Fault::Forbidden("deep nesting")),
                Some(Piece::End) => {
                    let Some(closed) = open.pop() else { continue };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(closed),
                        None => return Ok(closed),
                    }
                }
            }
        }
    }

    /// The next piece that matters; `None` at the end of the file.
    fn event(&mut self) -> Result<Option<Piece>, Fault> {
        loop {
            self.buffer.clear();
            let piece = match self.reader.read_event_into(&mut self.buffer)? {
                Event::Eof => return Ok(None),
                Event::Start(start) => Piece::Start(element(&start)?),
                Event::Empty(start) => Piece::Empty(element(&start)?),
                Event::End(_) => Piece::End,
                Event::Text(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => Piece::Text(match reference.resolve_char_ref()? {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference.into_inner())
                        .ok_or(Fault::Forbidden("an entity of the document's own"))?
                        .to_owned(),
                }),
                Event::Decl(declaration) => {
                    if let Some(encoding) = declaration.encoding() {
                        let encoding = encoding.map_err(quick_xml::Error::from)?;
                        if !["utf-8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str()) {
                            return Err(Fault::Encoding(format!("the encoding {encoding:?} is not UTF-8")));
                        }
                    }
                    continue;
                }
                Event::DocType(_) => return Err(Fault::Forbidden("a document type")),
                Event::Comment(_) | Event::PI(_) => continue,
            };
            return Ok(Some(piece));
        }
    }
}

enum Piece {
    Start(Element),
    Empty(Element),
    End,
    Text(String),
}

fn element(start: &BytesStart<'_>) -> Result<Element, Fault> {
    let mut element = Element { name: start.local_name().into_inner().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(quick_xml::Error::from)?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0)?;
        element.attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
    }
    Ok(element)
}
