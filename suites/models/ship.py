"""Write the geometries that ship: `python -m suites.models.ship FOLDER` reads configurations there.

`shipped.toml` says for each model where its configuration is published, and which copy was read.
The same folder gives the same files, byte for byte; what no configuration was read for is left.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field

from suites.base import toml_file
from suites.base.files import write_atomically
from suites.models.as_toml import as_toml
from suites.models.config import read_config
from suites.models.geometry import Geometry, Published
from suites.models.part import Frozen

__all__ = ["GeometrySource", "Sources", "shipped", "write"]

_HERE = Path(__file__).parent
_TABLE = _HERE / "shipped.toml"


class GeometrySource(Frozen):
    """Where a geometry comes from.

    Attributes:
        name: the model's name on the hub.
        file: the configuration in the folder.
        repository: the public repository of the copy that was read.
        revision: its commit, empty where the copy does not say.
    """

    id: str
    name: str
    file: str
    repository: str
    revision: str = ""


class Sources(Frozen):
    """The table of sources.

    Attributes:
        read: the day, as YYYY-MM-DD.
    """

    read: str
    model: Annotated[tuple[GeometrySource, ...], Field(strict=False)]


def shipped(source: GeometrySource, folder: Path, day: str) -> Geometry:
    """Read one geometry as it ships.

    Raises:
        UserError: its configuration cannot be read.
    """
    told = read_config(folder / source.file)
    published = None
    if told.precision.widths:
        widths = {name: getattr(told.precision.widths, name) for name in told.geometry.census()}
        published = Published(precision=told.precision.name, **widths)
    copy = f"read {day} in a copy: {source.repository}"
    return told.geometry.model_copy(
        update={
            "id": source.id,
            "name": source.name.rpartition("/")[2],
            "published": published,
            "source": f"https://huggingface.co/{source.name}/blob/main/config.json ({copy})",
            "revision": source.revision,
        }
    )


def write(folder: Path) -> None:
    """Write every geometry of the table.

    Raises:
        UserError: a configuration cannot be read.
    """
    table = toml_file.read_model(_TABLE, Sources)
    for source in table.model:
        text = as_toml(shipped(source, folder, table.read))
        write_atomically(_HERE / "data" / f"{source.id}.toml", text.encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
