//! Texts inside Markdown and LaTeX: nothing of them is taken for markup.

/// A text for a cell of a Markdown table.
pub fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '<' | '_' | '[' | ']' | '~' | '&' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text for a cell of a LaTeX table.
pub fn latex_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '±' => out.push_str("$\\pm$"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(markdown_text("a|b_c*\n金"), "a\\|b\\_c\\* 金");
        assert_eq!(markdown_text("[a](b) ~~c~~ &lt;"), "\\[a\\](b) \\~\\~c\\~\\~ \\&lt;");
        assert_eq!(latex_text("split '20%' + zh_en"), "split '20\\%' + zh\\_en");
        assert_eq!(
            latex_text("0.5 ± 0.1 \\x{~}"),
            "0.5 $\\pm$ 0.1 \\textbackslash{}x\\{\\textasciitilde{}\\}"
        );
    }
}
