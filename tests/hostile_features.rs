//! Files that lie about their size: reading one asks for no more memory than its length can justify.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use seedbed::Task;
use seedbed::features::Modality;
use seedbed::formats::matrix::{PairIds, read_features};
use seedbed::kg::{Graph, GraphBuilder};
use seedbed::ops::spec::ImportFeatures;

/// Counts what is held and remembers the most.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn graph(from: u32, to: u32) -> Graph {
    let mut builder = GraphBuilder::new();
    for i in from..to {
        builder.entity(&format!("http://x/{i}"));
    }
    builder.source_ids((from..to).collect());
    builder.finish().0
}

#[test]
fn memory_is_in_proportion_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = (graph(0, 5), graph(5, 9));
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features");
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for name in names {
        let whole = std::fs::read(&name).unwrap();
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random(4) {
                let at = random(bytes.len());
                // Digits and all-ones are what makes a size huge.
                bytes[at] = [b'9', 0xff, 0x7f, random(256) as u8][random(4)];
            }
            let path = folder.path().join(name.file_name().unwrap());
            std::fs::write(&path, &bytes).unwrap();
            let spec = ImportFeatures {
                modality: Modality::new("visual").unwrap(),
                paths: vec![path],
                pair: "p".into(),
                ids: None,
                present: None,
                tensor: None,
            };
            let before = HELD.load(Relaxed);
            MOST.store(before, Relaxed);
            drop(read_features(&spec, &PairIds { left: &left, right: &right }, &Task::quiet()));
            let most = MOST.load(Relaxed) - before;
            // Buffers of a fixed size take some 3 MiB.
            assert!(most < (4 << 20) + 1100 * bytes.len(), "{} took {most} bytes", name.display());
        }
    }
}
