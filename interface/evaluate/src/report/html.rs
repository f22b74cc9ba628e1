//! Markup from text. Names come from files and from the command line: here they are escaped, so
//! that none of them can be markup or turn the reading direction of the text behind it.

use kadenza_terminal::plain;

/// Text as it stands between tags or in a quoted attribute.
pub(super) fn text(raw: &str) -> String {
    html_escape::encode_quoted_attribute(&plain(raw)).into_owned()
}

/// A table with a head. The first `names` cells of a row name it, the others are numbers.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) names: usize,
}

impl Table {
    pub(super) fn render(&self) -> String {
        let mut html = String::from("<div class=\"wide\" tabindex=\"0\"><table><thead><tr>");
        for (at, cell) in self.head.iter().enumerate() {
            let class = if at < self.names {
                " class=\"name\""
            } else {
                ""
            };
            html += &format!("<th scope=\"col\"{class}>{}</th>", text(cell));
        }
        html.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                html += &match at {
                    0 => format!("<th scope=\"row\" class=\"name\">{}</th>", text(cell)),
                    _ if at < self.names => format!("<td class=\"name\">{}</td>", text(cell)),
                    _ => format!("<td>{}</td>", text(cell)),
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>\n");
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(
            text("<script>alert('1 & \"2\"')</script>"),
            "&lt;script&gt;alert(&#x27;1 &amp; &quot;2&quot;&#x27;)&lt;/script&gt;"
        );
        assert_eq!(text("a\u{202e}b\nc"), "a b c");
    }
}
