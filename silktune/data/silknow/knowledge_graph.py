"""The export of SILKNOW's knowledge graph, `total_post.csv`: a row per object, every cell the text of a Python list.

Columns that are read: obj (an address that ends in the object's id), museum, deeplink (addresses of its images),
category_group, split, and those in `COLUMNS`. The data set of the multimodal paper has the same columns between tabs.
"""

from __future__ import annotations

import ast
from collections import Counter

import pandas as pd

from silktune.data.silknow.tidy_rows import Row, TidyRows, file_of, label, subset

COLUMNS = {
    "place_country_code": "place",
    "time_label": "timespan",
    "technique_group": "technique",
    "material_group": "material",
    "depict_group": "depiction",
}
FABRICS = "fabrics"  # what P23 is about; an object of another category, or of several, is left out


def is_one(columns: list[str]) -> bool:
    """Whether a table with these columns is such an export."""
    return "obj" in columns and any(name in columns for name in COLUMNS)


def rows(table: pd.DataFrame) -> TidyRows:
    """An image per row, with the labels of its object; an object may have several rows, one for each of its texts."""
    found = TidyRows(tuple(COLUMNS[name] for name in COLUMNS if name in table))
    objects = [{str(name): str(cell) for name, cell in cells.items()} for cells in table.to_dict("records")]
    owners = {(address, cells["obj"]) for cells in objects for address in parsed(cells.get("deeplink", ""))}
    shown = Counter(address for address, _ in owners)
    for cells in objects:
        _add(found, cells, shown)
    found.once("images of which several rows say different things")
    return found


def _add(found: TidyRows, cells: dict[str, str], shown: Counter[str]) -> None:
    """The images of an object."""
    addresses = sorted(set(parsed(cells.get("deeplink", ""))))
    if not addresses:
        found.left_out["objects without an image"] += 1
        return
    if "category_group" in cells and {last(value) for value in parsed(cells["category_group"])} != {FABRICS}:
        found.left_out["images of objects that are not just fabrics"] += len(addresses)
        return
    own = [address for address in addresses if shown[address] == 1]
    if several := len(addresses) - len(own):
        found.left_out["images that several objects have, once for each"] += several
    museum, record = last(cells.get("museum", "")), last(cells["obj"])
    named = {
        variable: [last(value) for value in parsed(cells[name])] for name, variable in COLUMNS.items() if name in cells
    }
    labels = found.labels(named, len(own))
    for address in own:
        name = "__".join(filter(None, (museum, record, file_of(address))))
        found.add(
            Row(name, f"{museum}__{record}" if museum else record, museum, subset(cells.get("split", "")), labels)
        )


def parsed(cell: str) -> list[str]:
    """The values in a cell: those of a list, or the cell itself; without what stands for nothing."""
    text = cell.strip()
    if text.startswith("["):
        try:
            content = ast.literal_eval(text.replace("[nan]", "[]").replace("nan,", "").replace(", nan", ""))
            values = [str(value) for value in content]
        except (ValueError, SyntaxError):
            values = [part.strip(" '\"") for part in text.strip("[]").split("', '")]
    else:
        values = [text]
    return [value for value in values if label(value)]


def last(value: str) -> str:
    """What stands after the last slash of an address; any other value as it is."""
    return value.rstrip("/").rpartition("/")[2] if "://" in value else value
