//! The inventory of unsafe code: where it is, how much, why, and that every block says why it is sound.

#[path = "common/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use files::files;

/// File, blocks, functions, and what they are for. A change here is a decision.
const INVENTORY: &[(&str, usize, usize, &str)] = &[
    ("features/norms.rs", 1, 0, "calls code compiled for AVX2, the processor having been asked"),
    ("fs.rs", 2, 0, "maps immutable files, and lets go of their pages"),
    ("linalg/dot.rs", 2, 4, "dot products compiled for AVX2 and AVX-512, and a prefetch"),
    ("linalg/fused.rs", 4, 0, "distances and sums compiled for AVX2 and FMA"),
    ("linalg/kernel.rs", 5, 4, "the kernel of matrix products: registers over packed panels"),
    ("linalg/score.rs", 1, 0, "calls code compiled for FMA, the processor having been asked"),
    ("store/object.rs", 1, 0, "an archive in a mapped file, validated on first use"),
    ("store/slices.rs", 3, 0, "archived numbers as plain slices"),
    ("train/attention_cuda.rs", 1, 0, "launches kernels on a GPU"),
    ("train/wide.rs", 1, 0, "calls code compiled for AVX2, the processor having been asked"),
];

/// What a line of code has of the word, comments and longer names aside.
#[derive(PartialEq)]
enum Unsafe {
    Block,
    Function,
    Other,
}

fn found(line: &str) -> Option<Unsafe> {
    let code = line.split("//").next().unwrap_or_default();
    let mut words =
        code.split(|c: char| c.is_whitespace() || "(<|=,:&".contains(c)).filter(|w| !w.is_empty());
    words.find(|word| *word == "unsafe")?;
    Some(match words.next() {
        Some("{") => Unsafe::Block,
        Some("fn") => Unsafe::Function,
        _ => Unsafe::Other,
    })
}

/// Whether the comment right above a line says why the line is sound; attributes may stand between.
fn says_why(above: &[&str]) -> bool {
    let comment = above.iter().rev().map(|line| line.trim()).skip_while(|line| line.starts_with("#["));
    comment.take_while(|line| line.starts_with("//")).any(|line| line.starts_with("// SAFETY:"))
}

#[test]
fn every_unsafe_block_says_why_it_is_sound_and_is_in_the_inventory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut counted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut unsaid = Vec::new();
    let is_source = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    for file in files(&root).into_iter().filter(is_source) {
        let name = file.to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(root.join(&file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(kind) = found(line) else { continue };
            let (blocks, functions) = counted.entry(name.clone()).or_default();
            match kind {
                Unsafe::Function => *functions += 1,
                Unsafe::Block | Unsafe::Other => {
                    *blocks += 1;
                    if !says_why(&lines[..at]) {
                        unsaid.push(format!("{name}:{}: {}", at + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(unsaid.is_empty(), "no `// SAFETY:` above:\n{}", unsaid.join("\n"));
    let listed: BTreeMap<String, (usize, usize)> = INVENTORY
        .iter()
        .map(|(file, blocks, functions, _)| (file.to_string(), (*blocks, *functions)))
        .collect();
    assert_eq!(counted, listed, "unsafe code came or went: change the inventory, with the reason");
}

#[test]
fn the_word_is_found_where_it_is_code_and_nowhere_else() {
    assert!(found("let x = unsafe { y() };") == Some(Unsafe::Block));
    assert!(found("let load = |c: &[f32]| unsafe { z(c) };") == Some(Unsafe::Block));
    assert!(found("pub(super) unsafe fn avx2(") == Some(Unsafe::Function));
    assert!(found("unsafe impl Send for X {}") == Some(Unsafe::Other));
    assert!(found("// nothing unsafe { here").is_none());
    assert!(found("if unsafe_to_print(c) {").is_none());
    assert!(says_why(&["// SAFETY: it is so,", "// in two lines.", "#[allow(x)]"]));
    assert!(!says_why(&["// SAFETY: of another.", "let a = 1;"]));
    assert!(!says_why(&["// It is fine."]));
}
