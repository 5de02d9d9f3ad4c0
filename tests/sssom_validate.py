"""Validates SSSOM/TSV files with the public `sssom` package: python tests/sssom_validate.py [FILE…]

Without arguments it takes the files that the tests compare our output with, byte for byte.
Exit code 0: valid; 1: not valid; 77: the package is not installed.
"""
import contextlib
import io
import pathlib
import sys

try:
    from sssom.parsers import parse_sssom_table
    from sssom.validators import validate
except ImportError:
    print("skipped: the package sssom is not installed")
    sys.exit(77)

files = [pathlib.Path(name) for name in sys.argv[1:]]
files = files or sorted((pathlib.Path(__file__).parent / "fixtures" / "links").glob("*.sssom.tsv"))
bad = not files
for file in files:
    text = file.read_text(encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        mappings = parse_sssom_table(str(file))
        rows = len(mappings.df)
        reports = validate(mappings, fail_on_error=False)
    problems = [f"{kind}: {result.message}" for kind, report in reports.items() for result in report.results]
    # The package drops mappings that are not well-formed and only says so.
    problems += [line for line in said.getvalue().splitlines() if "not well-formed" in line]
    unresolved = [c for column in ("subject_id", "object_id") for c in mappings.df[column] if not mappings.converter.expand(c)]
    problems += [f"the CURIE {curie} cannot be expanded" for curie in unresolved]
    if text.startswith("\ufeff"):
        problems.append("the file starts with a byte-order mark")
    if rows == 0:
        problems.append("the file has no mappings")
    print(f"{file.name}: {rows} mappings, {len(problems)} problems")
    for problem in problems:
        print("  " + problem)
    bad = bad or bool(problems)
sys.exit(1 if bad else 0)
