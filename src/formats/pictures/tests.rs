use super::*;
use crate::kg::GraphBuilder;

const LEFT: [&str; 5] = [
    "http://a/New_York",
    "http://a/Paris",
    "http://a/Apollo_11",
    "http://a/Café_de_l%27Opéra",
    "http://a/AC/DC",
];
const RIGHT: [&str; 4] = ["http://b/Neu_York", "http://b/Paris", "http://b/apollo", "/m/02mjmr"];

fn graphs() -> [Graph; 2] {
    let graph = |iris: &[&str], first: u32| {
        let mut builder = GraphBuilder::new();
        iris.iter().for_each(|iri| {
            builder.entity(iri);
        });
        builder.source_ids((0..iris.len() as u32).map(|id| first + id).collect());
        builder.finish().0
    };
    [graph(&LEFT, 100), graph(&RIGHT, 200)]
}

/// A folder with these empty files.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    folder
}

fn found(paths: &[PathBuf], folder: Option<&Path>) -> Result<PictureFiles> {
    let [left, right] = graphs();
    find_pictures(paths, folder, &PairIds { left: &left, right: &right }, &|_| Ok(()), &Task::quiet())
}

/// `entity name` of each side's files.
fn listed(found: &PictureFiles) -> [Vec<String>; 2] {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    found
        .files
        .each_ref()
        .map(|files| files.iter().map(|(id, path)| format!("{id} {}", name(path))).collect())
}

#[test]
fn files_are_named_by_their_entities() {
    let folder = folder(&[
        "New_York.jpg",
        "new york-2.png",
        "New_York_3.webp",
        "Apollo_11.gif",
        "Apollo_11_2.jpg",
        "Caf%C3%A9_de_l%27Op%C3%A9ra.png",
        "http%3A%2F%2Fb%2FNeu_York",
        "http%3A%2F%2Fa%2FParis.jpg",
        "http%3A%2F%2Fa%2FAC%2FDC.jpg",
        "203/a.jpg",
        "203/b.jpg",
        "%2Fm%2F02mjmr.jpg",
        "Paris.png",
        "nobody.jpg",
        "7.jpg",
        ".hidden.jpg",
    ]);
    let found = found(&[folder.path().into()], None).unwrap();
    let [left, right] = listed(&found);
    assert_eq!(
        left,
        [
            "0 New_York.jpg",
            "0 New_York_3.webp",
            "0 new york-2.png",
            "1 http%3A%2F%2Fa%2FParis.jpg",
            "2 Apollo_11.gif",
            "2 Apollo_11_2.jpg",
            "3 Caf%C3%A9_de_l%27Op%C3%A9ra.png",
            "4 http%3A%2F%2Fa%2FAC%2FDC.jpg",
        ]
    );
    assert_eq!(right, ["0 http%3A%2F%2Fb%2FNeu_York", "3 %2Fm%2F02mjmr.jpg", "3 a.jpg", "3 b.jpg"]);
    let report = &found.report;
    assert_eq!((report.entities, report.files), ([5, 2], [8, 4]));
    assert_eq!(
        (report.strangers.count, &report.strangers.first[..]),
        (2, &["7.jpg".into(), "nobody.jpg".into()][..])
    );
    // Both graphs have a Paris.
    assert_eq!(report.ambiguous.first, ["Paris.png"]);
}

#[test]
fn each_graph_may_have_pictures_of_its_own() {
    let (left, right) = (folder(&["Paris.jpg", "New_York.jpg"]), folder(&["Paris.jpg", "New_York.jpg"]));
    let found = found(&[left.path().into(), right.path().into()], None).unwrap();
    assert_eq!(listed(&found), [vec!["0 New_York.jpg", "1 Paris.jpg"], vec!["1 Paris.jpg"]]);
    assert!(found.files[1][0].1.starts_with(right.path()));
    assert_eq!(found.report.strangers.first, ["New_York.jpg"]);
}

#[test]
fn an_index_names_files_folders_and_files_without_endings() {
    let folder = folder(&[
        "pictures/a b.jpg",
        "pictures/img7/2.jpg",
        "pictures/img7/1.jpg",
        "pictures/img8.png",
        "x.gif",
    ]);
    let tabbed = folder.path().join("index.tsv");
    let text = "entity\tpath\n<http://a/New_York>\tpictures/a b.jpg\r\n100\tx.gif\n\nNeu_York\tx.gif\n203\tgone.jpg\nnobody\tx.gif\n";
    std::fs::write(&tabbed, text).unwrap();
    let by_tabs = found(&[tabbed], None).unwrap();
    assert_eq!(listed(&by_tabs), [vec!["0 a b.jpg", "0 x.gif"], vec!["0 x.gif"]]);
    assert_eq!(by_tabs.report.absent.first, ["gone.jpg (line 6)"]);
    assert_eq!(by_tabs.report.strangers.first, ["nobody (line 7)"]);

    let mmkg = folder.path().join("FB15K_ImageIndex.txt");
    std::fs::write(&mmkg, "/m/02mjmr img7\n/m/02mjmr img8\n<http://b/apollo> img9\n").unwrap();
    let by_blanks = found(&[mmkg], Some(&folder.path().join("pictures"))).unwrap();
    assert_eq!(
        listed(&by_blanks),
        [vec![], vec!["3 1.jpg".to_string(), "3 2.jpg".into(), "3 img8.png".into()]]
    );
    assert_eq!((by_blanks.report.absent.count, by_blanks.report.entities), (1, [0, 1]));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let folder = folder(&["nobody.jpg"]);
    let code = |paths: &[PathBuf]| found(paths, None).unwrap_err();
    let error = code(&[folder.path().into()]);
    assert_eq!(error.code(), Code::MissingData);
    assert!(error.help_text().unwrap().contains("nobody.jpg"));
    assert_eq!(code(&[folder.path().join("nowhere")]).code(), Code::NotFound);
    assert_eq!(code(&vec![folder.path().into(); 3]).code(), Code::Conflict);
    let index = folder.path().join("index.txt");
    for line in ["one", "a b c", "a\tb\tc", "\tb"] {
        std::fs::write(&index, format!("# comment\n{line}\n")).unwrap();
        let error = code(std::slice::from_ref(&index));
        assert_eq!(error.code(), Code::BadFile, "{line}");
        assert!(matches!(error.place(), Some(crate::error::Place::File { line: Some(2), .. })), "{line}");
    }
}
