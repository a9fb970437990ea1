"""The page writer: parts become HTML and Markdown, pictures are removed when they are no longer made."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.errors import UserError
from minjax.report.formats import printable
from minjax.report.page import (
    Command,
    Details,
    Fold,
    Links,
    Note,
    Notes,
    Page,
    Pair,
    Picture,
    Section,
    Table,
    Tile,
    columns,
    pairs,
    render,
    write,
)
from tests.report.reading import PIXEL, links_of, png_size, tables_of, text_of, texts, written

TABLE = Table(("name", "value"), [("a", "1"), ("b", "2"), ("sum", "3")], align="lr", footer=1, caption="Numbers")
WHOLE = Page(
    title="A title",
    status="budget",
    status_text="not completed",
    warnings=["Some are missing."],
    tiles=[Tile("Accuracy", "91.00 %", "after the last epoch")],
    sections=[
        Section("", ["The opening.", Pair([TABLE, pairs(("x", "y"), ("absent", "–"))])]),  # noqa: RUF001
        Section(
            "Results",
            [
                "A paragraph.",
                Picture("a.png", [PIXEL, PIXEL], "a picture", caption="Seen"),
                TABLE,
                Note("Small print."),
                Notes(["first", "second"]),
                Fold("three rows", Table(("x",), [("1",), ("2",), ("3",)]), open=False, first=2),
                Command("minjax predict runs/a 'my images/'"),
                Links([("the study", "../../my study/report/index.html"), ("the winner", "../winner/a.html")]),
            ],
        ),
    ],
    evidence=[
        Section("More", [Details("what the paper says", ["It says this.", Picture("c.png", [PIXEL], "inside")])])
    ],
)


def test_every_part_is_on_both_pages(tmp_path):
    page = write(WHOLE, tmp_path / "report", pictures=("a.png", "b.png"))
    for text in texts(page):
        for part in ("A title", "not completed", "Some are missing.", "91.00 %", "after the last epoch"):
            assert part in text
        for part in ("The opening.", "A paragraph.", "Seen", "Numbers", "Small print.", "first", "second"):
            assert part in text
        for part in ("minjax predict runs/a 'my images/'", "the study", "the winner", "Evidence", "It says this."):
            assert part in text
        assert "absent" not in text
    tables = tables_of(page)
    numbers = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}, {"name": "sum", "value": "3"}]
    assert tables["Numbers"][0] == tables["Numbers"][2] == numbers
    assert tables["Numbers"][-1] == [{"x": "1"}, {"x": "2"}]  # folded: its first rows
    source = page.read_text()
    assert source.count("data:image/png;base64,") == 3
    assert (page.parent / "c.png").exists()
    assert '<span class="status budget">' in source
    assert '<tr class="foot"><td class="l">sum</td><td class="r">3</td></tr>' in source
    assert "<details>" in source
    assert "62rem" in source
    assert "landscape" not in source
    width, height = png_size(PIXEL)
    assert png_size((page.parent / "a.png").read_bytes()) == (width, 2 * height)


def test_links_lead_from_the_page_and_pictures_to_their_files(tmp_path):
    page = write(WHOLE, tmp_path / "report", pictures=())
    assert links_of(page) == ["a.png", "a.png", "../../my study/report/index.html", "../winner/a.html", "c.png"]
    text = (page.parent / "report.md").read_text()
    assert "[the study](../../my%20study/report/index.html), [the winner](../winner/a.html)" in text
    assert "```\nminjax predict runs/a 'my images/'\n```\n" in text


def test_a_command_cannot_leave_its_block():
    page = Page("A", [Section("", [Command("a ``` <b>\n# c")])])
    assert "\na ''' <b>" in render("page.md", page)
    assert "<b>" not in render("page.html", page).partition("<body>")[2]


def test_a_wide_table_names_its_cells_for_narrow_windows():
    header = ("a", "b", "c", "d", "e", "f")
    wide = render("page.html", Page("A", [Section("", [Table(header, [("1", "2", "3", "4", "5", "6")])])]))
    assert '<td class="l" data-name="f">6</td>' in wide
    narrow = render("page.html", Page("A", [Section("", [Table(header[:5], [("1", "2", "3", "4", "5")])])]))
    assert "data-name=" not in narrow.partition("<body>")[2]


def test_dark_windows_have_dark_pages_and_no_script_is_needed():
    text = render("page.html", WHOLE)
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text
    style = text.partition("<style>")[2].partition("</style>")[0]
    rules = re.sub(r":root \{[^}]*\}", "", style)
    colours = re.findall(r"(?:color|background): (#\w+)", rules)
    assert set(colours) <= {"#fff"}  # all others are variables, with a value for each scheme


def test_what_is_no_longer_made_is_removed(tmp_path):
    write(WHOLE, tmp_path, pictures=("a.png", "b.png"), files={"data.csv": "1\n"})
    (tmp_path / "b.png").write_bytes(PIXEL)
    (tmp_path / "mine.png").write_bytes(PIXEL)
    page = write(Page("Less", []), tmp_path, pictures=("a.png", "b.png", "c.png"), files={"data.csv": None})
    assert written(page) == {"index.html", "report.md", "mine.png"}


def test_a_page_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "report").write_text("a file is in the way")
    with pytest.raises(UserError, match="cannot write"):
        write(WHOLE, tmp_path / "report", pictures=())


def test_wide_pages_print_in_landscape():
    text = render("page.html", Page("Wide", [], wide=True))
    assert "76rem" in text
    assert "@page { size: landscape; }" in text


def test_columns_without_any_value_are_left_out():
    found = [("a", "l", ["x", "y"]), ("b", "r", ["–", ""]), ("c", "r", ["–", "1"])]  # noqa: RUF001
    assert columns(*found, optional=("b", "c")) == Table(("a", "c"), [("x", "–"), ("y", "1")], align="lr")  # noqa: RUF001
    assert columns(*found).header == ("a", "b", "c")


TEXTS = st.lists(st.text(max_size=12), min_size=2, max_size=4)


@settings(max_examples=60, deadline=None)
@given(cells=TEXTS, title=st.text(max_size=12))
def test_any_text_survives_in_html_and_markdown(cells, title):
    page = Page(title, [Section("", [Table(("a", "b"), [(cell, "x") for cell in cells])])])
    source = render("page.html", page)
    source.encode()
    found = [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", source)]
    assert found == [text for cell in cells for text in (printable(cell), "x")]
    markdown = render("page.md", page)
    rows = [line for line in markdown.split("\n") if line.startswith("| ") and line.endswith(" x |")]
    assert len(rows) == len(cells)
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3 for row in rows)
    assert "\u202e" not in source + markdown


def test_markup_is_text():
    page = Page("<b>bold</b> & $\\bad", [Section("<i>", ["<img src=http://x/y>", Note("<b>"), Notes(["<b>"])])])
    source = render("page.html", page)
    assert "<title>&lt;b&gt;bold&lt;/b&gt; &amp; $\\bad</title>" in source
    for markup in ("<img src=http", "<b>", "<i>"):
        assert markup not in source + render("page.md", page)
    assert "<img src=http://x/y>" in text_of(source)
