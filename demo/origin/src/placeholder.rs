//! The drawing that stands for a file without a thumbnail.

use crate::library::Category;

/// How much of a name fits into the drawing, in characters.
const LABEL: usize = 34;

/// An SVG with the category's mark and the file's name on a gradient. Its hue comes from the
/// name, so that neighbours in a grid differ.
pub(crate) fn draw(category: Category, name: &str) -> String {
    let hue = name.bytes().fold(0u32, |hue, byte| (hue * 31 + u32::from(byte)) % 360);
    let second_hue = (hue + 50) % 360;
    let mark = mark(category);
    let label = label(name);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 270" width="480" height="270">
<defs><linearGradient id="g" x2="1" y2="1">
<stop stop-color="hsl({hue} 55% 38%)"/><stop offset="1" stop-color="hsl({second_hue} 60% 22%)"/>
</linearGradient></defs>
<rect width="480" height="270" fill="url(#g)"/>
<g fill="#fff" fill-opacity=".9">{mark}</g>
<text x="240" y="238" fill="#fff" font-family="system-ui,sans-serif" font-size="19"
 text-anchor="middle">{label}</text>
</svg>
"##
    )
}

fn mark(category: Category) -> &'static str {
    match category {
        Category::Videos => r#"<path d="M210 88v88l74-44z"/>"#,
        Category::Images => r#"<path d="M166 178l50-70 34 44 20-24 38 50z"/><circle cx="292" cy="94" r="13"/>"#,
        Category::Music => concat!(
            r#"<path d="M222 92l64-14v78h-10V98l-44 10v62h-10z"/>"#,
            r#"<circle cx="216" cy="170" r="17"/><circle cx="270" cy="156" r="17"/>"#,
        ),
    }
}

/// The start of a name, as text of an XML element.
fn label(name: &str) -> String {
    let mut label = String::new();
    for char in name.chars().take(LABEL) {
        match char {
            '&' => label.push_str("&amp;"),
            '<' => label.push_str("&lt;"),
            '>' => label.push_str("&gt;"),
            _ => label.push(char),
        }
    }
    if name.chars().nth(LABEL).is_some() {
        label.push('…');
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_escaped() {
        let drawing = draw(Category::Music, "Rock & <script>");
        assert!(drawing.contains(">Rock &amp; &lt;script&gt;</text>"), "{drawing}");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(label(&"é".repeat(50)), format!("{}…", "é".repeat(34)));
        assert_eq!(label(&"é".repeat(34)), "é".repeat(34));
    }
}
