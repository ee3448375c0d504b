"""Markdown as a reader of CommonMark with GitHub's tables sees it: every text is what it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from silktune.settings import spell
from silktune.study.ablation.results import Results
from silktune.study.data_facts import Facts, VariableFacts
from silktune.study.document import markdown as md
from silktune.study.document.csv_text import csv_text
from silktune.study.table.ablation_sheets import sheets
from tests.study.tables import MULTI_TASK, outcomes, table_md

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SIGNS = "|*_`<>\\[]()!#&;~$+-=.:1 aé京\n\t"
WORDS = st.text(SIGNS, max_size=12) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NASTY = (
    "a|b", "*star*", "_x_ y", "__init__", "a_b", "`code`", "``", "<br>", "</td>", "<!-- x", "&lt;b&gt;", "[x](y)",
    "[x][y]", "![i](u)", "~~gone~~", "# head", "- item", "1. one", "> quote", "+ plus", "back\\slash", "end\\",
    "two\nlines", " led ", "C #", "---", "$x$", "M^fo", "C* + sem", "[/]", "[bold]", ":cat:", "\\|", "|", "*",
)  # fmt: skip


def plain(words: str) -> str:
    return " ".join(words.split())


def shown(token: Token) -> str:
    """What a reader sees of an inline token, which must be letters only."""
    children = token.children or []
    assert {child.type for child in children} <= {"text", "code_inline"}, token.content
    return "".join(child.content for child in children)


def cells(text: str) -> list[list[str]]:
    """All cells of the tables of a text, by row."""
    rows: list[list[str]] = []
    inside = False
    for token in READER.parse(text):
        if token.type == "tr_open":
            rows.append([])
        inside = inside if token.type == "inline" else token.type in ("td_open", "th_open")
        if inside and token.type == "inline":
            strong = [child for child in token.children or [] if not child.type.startswith("strong")]
            rows[-1].append("".join(child.content for child in strong))
            assert {child.type for child in strong} <= {"text", "code_inline"}, token.content
    return rows


def check(words: str) -> None:
    (row,) = cells("\n".join(md.table(["h", "h"], [[md.text(words), "after"]], 1)))[1:]
    assert row == [plain(words), "after"]
    (row,) = cells("\n".join(md.table(["h", "h"], [[md.code_cell(words), "after"]], 1)))[1:]
    assert row == [plain(words), "after"]
    for beginning, kind in (("", "paragraph_open"), ("## ", "heading_open"), ("- ", "bullet_list_open")):
        if plain(words):
            opening, *tokens = READER.parse(f"{beginning}{md.paragraph(words)}\n\nafter")
            assert opening.type == kind
            assert [shown(token) for token in tokens if token.type == "inline"] == [plain(words), "after"]
    if plain(words):
        code = next(token for token in READER.parse(f"before {md.code(words)} after") if token.type == "inline")
        assert shown(code) == f"before {plain(words)} after"


@pytest.mark.parametrize("words", NASTY)
def test_what_is_read_is_what_was_written(words: str) -> None:
    check(words)


@given(WORDS)
def test_whatever_is_written(words: str) -> None:
    check(words)


def test_a_block_of_code_ends_where_it_should() -> None:
    words = "data.variables='a\n```\nb'"
    (token, *_) = READER.parse("\n".join(md.block(words)))
    assert (token.type, token.content) == ("fence", f"{words}\n")


@pytest.mark.parametrize("name", NASTY)
def test_a_table_with_such_names_has_all_its_cells(name: str) -> None:
    variable = VariableFacts(name=name, counts={name: 540, "b": 120}, background=0)
    facts = Facts(name=name, digest="0123456789abcdef", images=1000, variables=(variable,))
    last = MULTI_TASK.rows[3].model_copy(update={"id": name, "line": name, "changes": {"net.weights": name}})
    table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows[:3], last), "name": name, "question": name})
    results = Results(table, facts, outcomes(table, {"MTL": (0.3, 0.01), name: (0.4, 0.01)}, facts=facts))
    made = sheets(results)
    read = cells(table_md(results, made))
    for sheet in made:
        for row in sheet.rows:
            assert [plain(cell.text) for cell in row] in read
        assert [plain(column) for column in sheet.columns] in read
    assert [plain(name), plain(f"net.weights={spell(name)}")] in read


@pytest.mark.parametrize("name", [*NASTY, "a,b", 'say "so"', "cr\rlf", "crlf\r\n", "\r"])
def test_a_field_of_a_csv_is_what_it_was(name: str) -> None:
    lines = [["row", name], [name, "1"], [name, name]]
    assert list(csv.reader(io.StringIO(csv_text(lines), newline=""))) == lines
