"""All that a model's file or id says of it, as figures with their units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.models.config import read_config
from suites.models.gguf import read_header
from suites.models.gguf_geometry import geometry_of
from suites.models.library import load

if TYPE_CHECKING:
    from suites.models.geometry import Geometry

__all__ = ["Description", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A model.

    Attributes:
        architecture: as its file calls it, empty where none is named.
        precision: of its weights, "unknown" where nobody says.
        bits: of one weight, mean over all, scales included; None where nobody says.
    """

    geometry: Geometry
    architecture: str
    precision: str
    bits: float | None

    def figures(self, *, context: int = 1, kv_bits: float = 16) -> dict[str, Any]:
        """Return what there is to know, as plain JSON.

        Args:
            context: tokens a decoded token sees, itself included.
            kv_bits: width of a cached value.
        """
        geometry, kv_bytes = self.geometry, kv_bits / 8
        modules, embedding = geometry.modules, geometry.vocab * geometry.hidden
        active = geometry.active_parameters()
        return {
            "id": geometry.id,
            "name": geometry.name,
            "architecture": self.architecture,
            "parameters": geometry.parameters(),
            "active_parameters": active,
            # Some publishers count the embedding, of which a token reads one row.
            "active_parameters_with_embedding": active
            + (0 if geometry.tied_embeddings else embedding),
            "prediction_module_parameters": modules.parameters(geometry.hidden) if modules else 0,
            "towers": {tower.kind: tower.parameters for tower in geometry.towers},
            "precision": self.precision,
            "bits_per_weight": self.bits,
            "weight_bytes": None if self.bits is None else geometry.weight_bytes(self.bits),
            "context": context,
            "kv_bits": kv_bits,
            "kv_bytes_per_token": _plain(geometry.kv_bytes_per_token(kv_bytes)),
            "kv_bytes": _plain(geometry.kv_bytes(context, kv_bytes)),
            "state_bytes": _plain(geometry.state_bytes(kv_bytes)),
            "flops_per_token": geometry.decode_flops(context),
            "layers": geometry.kinds(),
            "source": geometry.source,
            "revision": geometry.revision,
        }


def describe(name: str) -> Description:
    """Describe a model by id, or by the path of a file or folder.

    Raises:
        UserError: it is unknown or unreadable, or says what is not expressed.
    """
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix == ".json":
        told = read_config(_only(path))
        bits = told.precision.mean_bits(told.geometry)
        return Description(
            geometry=told.geometry,
            architecture=told.architecture,
            precision=told.precision.name,
            bits=bits,
        )
    if path.suffix == ".gguf":
        header = read_header(path)
        return Description(
            geometry=geometry_of(header),
            architecture=header.architecture,
            precision=header.precision,
            bits=header.mean_bits,
        )
    geometry = load(name)
    published = geometry.published
    return Description(
        geometry=geometry,
        architecture="",
        precision=published.precision if published else "unknown",
        bits=geometry.weight_bytes(published.widths()) * 8 / geometry.parameters()
        if published
        else None,
    )


def _plain(number: float) -> float:
    """Whole numbers without a fraction."""
    return int(number) if number == int(number) else number


def _only(path: Path) -> Path:
    """A folder with a configuration, or the one GGUF file it holds."""
    if path.is_dir() and not (path / "config.json").exists():
        raise UserError(
            "holds no config.json", where=str(path), expected="a Hugging Face model folder"
        )
    return path
