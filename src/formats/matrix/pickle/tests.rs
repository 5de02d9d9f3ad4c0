use std::io::Cursor;

use super::*;

fn run(bytes: &[u8]) -> Result<Vec<(u64, Array)>> {
    entries(&mut Source::new(Cursor::new(bytes), bytes.len() as u64), &Task::quiet())
}

fn refusal(bytes: &[u8]) -> String {
    run(bytes).unwrap_err().message().to_string()
}

fn short(text: &str) -> Vec<u8> {
    [&[0x8c, text.len() as u8], text.as_bytes()].concat()
}

#[test]
fn programs_are_refused_by_name() {
    let asks = |name: &str| {
        format!("the pickle asks for `{name}`, which is no part of a numpy array; nothing of it was run")
    };
    let stack_global =
        [b"\x80\x04", &short("os")[..], &short("system"), b"\x93", &short("id"), b"\x85R."].concat();
    let shell = [b"\x80\x04", &short("os;\n\x1b[2J")[..], &short("x"), b"\x93."].concat();
    for (bytes, name) in [
        (&b"cos\nsystem\n(S'id'\ntR."[..], "os.system"),
        (b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.", "posix.system"),
        (b"cbuiltins\neval\n(Vprint(1)\ntR.", "builtins.eval"),
        (b"(S'id'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'id'\no.", "os.system"),
        (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfrombuffer\n.", "numpy.core.multiarray.frombuffer"),
        (b"c_codecs\ndecode\n.", "_codecs.decode"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n.", "torch._utils._rebuild_tensor_v2"),
        (&stack_global, "os.system"),
        (&shell, "os;\\n\\u{1b}[2J.x"),
    ] {
        assert_eq!(refusal(bytes), asks(name));
    }
    assert!(run(b"cos\nsystem\n.").unwrap_err().help_text().is_some_and(|help| help.contains("numpy.save")));
}

#[test]
fn opcodes_that_make_objects_are_refused() {
    for (bytes, what) in [
        (&b"(cnumpy\nndarray\no."[..], "an instance of a class (OBJ)"),
        (b"cnumpy\nndarray\n)\x81.", "an instance of a class (NEWOBJ)"),
        (b"cnumpy\nndarray\n)}\x92.", "an instance of a class (NEWOBJ)"),
        (b"Pid\n.", "an object kept elsewhere (PERSID)"),
        (b"\x80\x02K\x01Q.", "an object kept elsewhere (PERSID)"),
        (b"\x80\x02\x82\x01.", "an object of the extension registry (EXT)"),
        (b"\x80\x05\x97.", "a buffer kept outside the file (NEXT_BUFFER)"),
        (b"\x80\x04\x8f.", "a set"),
    ] {
        let found = refusal(bytes);
        assert!(found.contains(&format!("the pickle asks for {what}, which is no part of")), "{found}");
    }
}

#[test]
fn known_callables_do_only_what_numpy_does() {
    for bytes in [
        &b"cnumpy\nndarray\n(I5\ntR."[..],
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"cnumpy\ndtype\n)R.",
        b"cnumpy.core.multiarray\nscalar\n(NNtR.",
        b"c_codecs\nencode\n(NVlatin1\ntR.",
    ] {
        assert!(
            refusal(bytes).ends_with("a part of a numpy array is made in a way numpy does not"),
            "{bytes:?}"
        );
    }
    assert!(
        refusal(b"c_codecs\nencode\n(Vx\nVutf-16\ntR.")
            .ends_with("text is encoded as `utf-16`, expected latin1")
    );
    assert!(
        refusal(b"(dS'x'\nR.").contains("takes more from its stack") || !refusal(b"(dS'x'\nR.").is_empty()
    );
    assert!(refusal(b"}}R.").ends_with("the pickle calls a dictionary"));
    assert!(refusal(b"K\x01}b.").ends_with("a state is given to an integer"));
    assert!(refusal(b"}}b.").ends_with("a state is given to a dictionary"));
}

#[test]
fn claims_of_length_are_checked_against_the_file() {
    for bytes in [
        &b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."[..],
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.",
        b"\x80\x05\x96\0\0\0\0\0\0\0\x10a.",
        b"T\xff\xff\xff\xff.",
        b"X\xff\xff\xff\x7fa.",
        b"\x8b\xff\xff\xff\x7f\x01.",
    ] {
        assert!(refusal(bytes).contains("bytes, but"), "{bytes:?}");
    }
    assert_eq!(refusal(b"\x80\x04\x95\xff"), "the pickle ends too early");
    assert_eq!(refusal(b""), "the pickle ends too early");
    assert!(refusal(b"I99999999999999999999\n.").contains("is no integer"));
    assert!(refusal(b"\x80\x09.").contains("pickle protocol 9 is unknown, expected 0 to 5"));
}

#[test]
fn stack_memo_and_objects_are_bounded() {
    let many = |unit: &[u8], count: usize| refusal(&[unit.repeat(count), b".".to_vec()].concat());
    assert_eq!(many(b"N", (1 << 20) + 1), "the pickle has more than 1048576 values on its stack");
    assert_eq!(many(b"(", (1 << 20) + 1), "the pickle has more than 1048576 values on its stack");
    assert_eq!(many(b"N2", (1 << 20) + 1), "the pickle has more than 1048576 values on its stack");
    assert_eq!(many(b"]0", (8 << 20) + 1), "the pickle has more than 8388608 objects");
    let remember = [b"N".to_vec(), b"\x94".repeat((4 << 20) + 1)].concat();
    assert_eq!(refusal(&remember), "the pickle has more than 4194304 remembered values");
}

#[test]
fn containers_that_hold_themselves_or_nest_deeply_are_no_matter() {
    // A list in itself, a dictionary in itself, and a hundred thousand tuples in one another.
    assert!(refusal(b"]q\x00h\x00a.").starts_with("the pickle holds a list"));
    assert!(refusal(b"}q\x00K\x01h\x00s.").starts_with("the value of key 1 is a dictionary"));
    let deep = [b"N".to_vec(), b"\x85".repeat(100_000), b".".to_vec()].concat();
    assert!(refusal(&deep).starts_with("the pickle holds a tuple"));
    // A list doubled again and again is small here: values are not copied.
    let doubled = [b"]".to_vec(), b"q\x00]h\x00ah\x00a".repeat(50), b".".to_vec()].concat();
    assert!(refusal(&doubled).contains("list"));
}

#[test]
fn what_is_no_dictionary_of_rows_is_named() {
    for (bytes, expected) in [
        (&b"N."[..], "the pickle holds None, expected a dictionary from entity ids to numpy arrays"),
        (b"}.", "the dictionary is empty, expected a dictionary from entity ids to numpy arrays"),
        (b"}S'a'\nNs.", "a key of the dictionary is a byte string, expected an entity id"),
        (b"}I-1\nNs.", "a key of the dictionary is -1, expected an entity id of 0 or more"),
        (b"}K\x07Ns.", "the value of key 7 is None, expected a numpy array"),
        (b"}K\x07]s.", "the value of key 7 is a list, expected a numpy array"),
        (b"}(K\x07u.", "byte 4: a dictionary with a key that has no value"),
        (b"h\x05.", "byte 1: the value 5 is recalled but was never kept"),
        (b"hello world", "byte 1: the value 101 is recalled but was never kept"),
        (b"\x80\x04\xff.", "byte 2: 0xff is no pickle opcode"),
    ] {
        assert_eq!(refusal(bytes), expected);
    }
}

/// A dictionary of arrays with the given dtype name, shape opcodes and numbers.
fn array(name: &str, shape: &[u8], numbers: &[u8]) -> Vec<u8> {
    let mut bytes =
        b"}K\x01cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01".to_vec();
    bytes.extend_from_slice(shape);
    bytes.extend_from_slice(b"cnumpy\ndtype\n(");
    bytes.extend(short(name));
    bytes.extend_from_slice(b"\x89\x88tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C");
    bytes.push(numbers.len() as u8);
    bytes.extend_from_slice(numbers);
    bytes.extend_from_slice(b"tbs.");
    bytes
}

#[test]
fn arrays_that_do_not_fit_are_named() {
    assert_eq!(run(&array("f4", b"K\x02\x85", &[0; 8])).unwrap().len(), 1);
    for (name, shape, length, expected) in [
        ("f4", &b"K\x02\x85"[..], 7, "an array has 7 bytes, but its shape needs 8"),
        ("f4", b"J\xff\xff\xff\x7f\x85", 8, "an array has 8 bytes, but its shape needs 8589934588"),
        ("f4", b"K\x02K\x02\x86", 16, "an array has the shape [2, 2], expected a row: one axis"),
        ("f4", b")", 4, "an array has the shape [], expected a row: one axis"),
        ("O8", b"K\x01\x85", 8, "the array holds Python objects, expected float16, float32 or float64"),
        ("i8", b"K\x01\x85", 8, "the arrays hold int64, expected float16, float32 or float64"),
        ("U9", b"K\x01\x85", 8, "the array holds strings, expected float16, float32 or float64"),
    ] {
        assert_eq!(refusal(&array(name, shape, &vec![0; length])), expected);
    }
    assert!(refusal(&array("f4", b"J\xff\xff\xff\xff\x85", &[0; 4])).contains("shape is no list of lengths"));
}
