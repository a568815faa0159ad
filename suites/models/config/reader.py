"""From `config.json`, or the folder it lies in, to a geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from suites.base import json_file
from suites.base.errors import UserError
from suites.models.config.families import FAMILIES, Family
from suites.models.config.fields import Fields
from suites.models.config.layers import grouped, layers_of
from suites.models.config.towers import towers_of
from suites.models.geometry import Geometry, Layer, Modules

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_config", "read_configuration"]

_MOST_BYTES = 2**22  # the longest published, with a table for each layer, has 40 kB
_EXPECTED = "a Hugging Face config.json"
# Where models that see or hear keep the language model.
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")
# Wrappers whose inner table leaves its own type out.
_WRAPPED = {"mistral3": "mistral", "llava": "llama", "internvl_chat": "qwen2"}


def read_config(path: Path) -> Geometry:
    """Read a configuration file, or the folder that holds one.

    Raises:
        UserError: it cannot be read, a size is missing or wrong, or it says what is not expressed.
    """
    file = path / "config.json" if path.is_dir() else path
    data = json_file.read(file, _MOST_BYTES, expected=_EXPECTED)
    name = path.name if path.is_dir() else path.parent.name if file.name == "config.json" else ""
    return read_configuration(data, str(file), name=name or file.stem)


def read_configuration(data: Any, where: str, *, name: str) -> Geometry:
    """Read a configuration that is already parsed.

    Raises:
        UserError: as `read_config`.
    """
    if not isinstance(data, dict):
        raise UserError("is no JSON object", where=where, expected=_EXPECTED)
    text, place = _language_model(data, where)
    kind = str(text.get("model_type") or _WRAPPED.get(str(data.get("model_type")), ""))
    family = _family(kind, data, place)
    fields = Fields(text, place, family.defaults)
    try:
        return _geometry(fields, family, data, name=_named(data, name))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        raise UserError(
            first["msg"], where=f"{place}:{field}" if field else place, expected=_EXPECTED
        ) from error


def _language_model(data: dict[str, Any], where: str) -> tuple[dict[str, Any], str]:
    """The table of the language model, however deep it lies, and its place."""
    for _ in range(3):
        inner = next((name for name in _INNER if isinstance(data.get(name), dict)), None)
        if inner is None:
            break
        outer, data, where = data, data[inner], f"{where}:{inner}"
        missing = {"vocab_size", "tie_word_embeddings"} - set(data)
        data = {**data, **{key: outer[key] for key in missing if key in outer}}
    return data, where


def _family(kind: str, data: dict[str, Any], where: str) -> Family:
    family = FAMILIES.get(kind) or FAMILIES.get(f"{kind}_text")
    if family is None:
        shown = kind or ", ".join(map(str, data.get("architectures") or ())) or "nothing"
        raise UserError(
            f"is {shown[:60]!r}, an architecture that is not expressed",
            where=f"{where}:model_type",
            expected=f"one of {len(FAMILIES)} known ones, such as llama, qwen3_moe or deepseek_v3",
            remedy="describe it in a TOML file like those of suites/models/data",
        )
    return family


def _named(data: dict[str, Any], name: str) -> str:
    said = data.get("_name_or_path")
    return (
        said[:200] if isinstance(said, str) and said and not said.startswith((".", "/")) else name
    )


def _geometry(fields: Fields, family: Family, whole: dict[str, Any], *, name: str) -> Geometry:
    layers = layers_of(fields, family)
    hidden = fields.whole(*family.hidden)
    modules = _modules(fields, family, layers)
    tables, mixed = _beside(fields, hidden, len(layers))
    geometry = Geometry(
        id=name,
        name=name,
        hidden=hidden,
        vocab=fields.whole("vocab_size", "padded_vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings", default=family.tied),
        layers=grouped(layers),
        rope_theta=_rope_theta(fields),
        rms_eps=fields.number("rms_norm_eps", "layernorm_epsilon", "norm_eps", default=1e-6),
        norms=family.final_norms,
        head_bias=fields.flag("lm_head_bias", default=family.head_bias),
        tables=tables,
        mixed=mixed,
        modules=modules,
        towers=towers_of(whole, hidden, fields.where),
        source=fields.where,
    )
    fields.check_all_understood()
    return geometry


def _rope_theta(fields: Fields) -> float:
    if fields.raw("rope_theta") is None and (inner := fields.inner("rope_parameters")):
        own = inner.inner("full_attention") or inner
        return own.number("rope_theta", default=10_000.0)
    return fields.number("rope_theta", default=10_000.0)


def _modules(fields: Fields, family: Family, layers: list[Layer]) -> Modules | None:
    """Modules that predict further tokens: one layer each, like the model's last."""
    count = fields.natural("num_nextn_predict_layers", "mtp_num_hidden_layers", most=100)
    count = count or fields.natural("num_mtp_modules", most=100)
    fields.ignore("mtp_transformer_layers", "mtp_num_layers", "mtp_use_dedicated_embeddings")
    if not count or family.plan != "plain":
        return None
    attending = [layer for layer in layers if any(part.kv_values() for part in layer.parts)]
    return Modules(count=count, layers=(attending[-1],)) if attending else None


def _beside(fields: Fields, hidden: int, depth: int) -> tuple[int, int]:
    """Values looked up, and matrix weights met once: what stands beside the layers."""
    width = fields.natural("hidden_size_per_layer_input") * depth
    rows = fields.natural("vocab_size_per_layer_input")
    streams = fields.natural("altup_num_inputs")
    mixed = hidden * width + 2 * max(streams - 1, 0) * hidden * hidden
    return (rows * width + width // depth if width else 0), mixed
