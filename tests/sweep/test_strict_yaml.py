"""The strict loader reads what a person would read, and names the line of what it refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.core.errors import ConfigError
from w2s_ray.sweep.strict_yaml import MAX_BYTES, YamlError, load, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("7e-4", 7e-4), ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("-3", -3), ("+4", 4),
        ("0o17", 15), ("0x1F", 31), ("017", 17), ("true", True), ("False", False), ("null", None),
        ("~", None), ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("12:30:00", "12:30:00"),
        ("2020-01-01", "2020-01-01"), ("1_000", "1_000"), ("'1'", "1"), ('"true"', "true"), ("1e", "1e"),
        ("0b1", "0b1"), ("s3://bucket/a", "s3://bucket/a"), ("[a, 1]", ["a", 1]),
        ("{a: {b: 1e3}}", {"a": {"b": 1e3}}),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = parse(text).data
    assert found == value and type(found) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back_as_itself(number):
    assert parse(repr(number)).data == number


@given(st.integers())
def test_every_integer_is_read_back_as_itself(number):
    assert parse(str(number)).data == number


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20))
def test_a_single_quoted_text_is_never_another_type(text):
    quoted = "'" + text.replace("'", "''") + "'"
    try:
        found = parse(quoted).data
    except YamlError:  # a character that YAML excludes
        return
    assert isinstance(found, str)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2", 2, "twice"),
        ("a: {b: 1, b: 2}", 1, "'b' stands here twice"),
        ("a:\n\tb: 1", 2, "tab"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: !!python/object/apply:os.system [ls]", 1, "refused"),
        ("a: !!python/name:os.system", 1, "refused"),
        ("a: !!set {x}", 1, "refused"),
        ("a: !mine 3", 1, "refused"),
        ("a: &a [*a]", 1, "contains it"),
        ("[" * 5000, 1, "nested too deep"),
        ("a: \x00", 1, "U+0000"),
        ("1: x", 1, "quote it"),
        ("? [a]\n: x", 1, "plain name"),
        ("a: .inf", 1, "no usable float"),
        ("a: 1e999", 1, "no usable float"),
        ("a: " + "9" * 5000, 1, "no usable int"),
        ('a: "\\ud800"', 1, "no usable str"),
        ("a: !!int x", 1, "no usable int"),
        ("a: [1", 1, "not YAML"),
    ],
)
def test_what_is_ambiguous_or_dangerous_is_refused_at_its_line(text, line, message):
    with pytest.raises(YamlError, match=message.replace("+", r"\+")) as caught:
        parse(text)
    assert caught.value.line == line


def test_aliases_and_merges_are_read():
    text = """
base: &b {lr: 1e-3, epochs: 2}
one: {<<: *b, epochs: 3}
two: *b
three: {<<: [{a: 1}, {a: 2, c: 3}]}
"""
    data = parse(text).data
    assert data["one"] == {"lr": 1e-3, "epochs": 3}
    assert data["two"] == data["base"]
    assert data["three"] == {"a": 1, "c": 3}


def test_a_billion_laughs_is_counted_and_refused():
    lines = ["a0: &a0 [ha, ha]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    with pytest.raises(YamlError, match="once aliases are expanded"):
        parse("\n".join(lines))


def test_marks_tell_the_line_and_column_of_keys_and_items():
    marks = parse("a:\n  b: [x,\n      y]\n'c.d': 1").marks
    assert marks[("a", "b")] == (2, 3)
    assert marks[("a", "b", 1)] == (3, 7)
    assert marks[("c.d",)] == (4, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found nothing"),
        (b"# only a comment\n", "found nothing"),
        (b"- a\n- b\n", "found a list"),
        (b"just text", "found a str"),
        (b"a: \xff", "not UTF-8"),
        (b"a: " + b"x" * MAX_BYTES, "at most"),
    ],
)
def test_a_file_that_is_not_one_mapping_is_named(tmp_path: Path, content, message):
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(tmp_path: Path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: no\r\n")
    assert load(path).data == {"a": 1, "b": "no"}


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.yaml")
