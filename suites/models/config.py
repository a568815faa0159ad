"""From `config.json`, or the folder it lies in, to a geometry and a precision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from suites.base import json_file
from suites.base.errors import UserError
from suites.models.config_families import FAMILIES, Family
from suites.models.config_fields import Fields
from suites.models.config_layers import grouped, layer_of_modules, layers_of
from suites.models.config_towers import towers_of
from suites.models.geometry import Geometry, Modules, identifier
from suites.models.precision import Precision, precision_name, precision_of

if TYPE_CHECKING:
    from pathlib import Path

    from suites.models.geometry import Layer

__all__ = ["Configuration", "read_config", "read_configuration", "read_precision"]

_MOST_BYTES = 2**22  # the longest published, with a table for each layer, has 40 kB
_EXPECTED = "a Hugging Face config.json"
_QUANTIZED = "hf_quant_config.json"
# Where models that see or hear keep the language model.
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")
# Wrappers whose inner table leaves its own type out.
_WRAPPED = {"mistral3": "mistral", "llava": "llama", "internvl_chat": "qwen2"}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a configuration says of a model.

    Attributes:
        architecture: its `model_type`.
    """

    geometry: Geometry
    precision: Precision
    architecture: str


def read_config(path: Path) -> Configuration:
    """Read a configuration file, or the folder that holds one.

    Raises:
        UserError: it cannot be read, a size is missing or wrong, or it says what is not expressed.
    """
    file = _file(path)
    data, beside = _tables(file)
    name = file.absolute().parent.name if file.name == "config.json" else file.stem
    return read_configuration(data, str(file), name=name or file.stem, beside=beside)


def read_precision(path: Path) -> str:
    """Name the precision of a folder, whether or not its architecture is expressed.

    Raises:
        UserError: it holds no configuration that can be read.
    """
    data, beside = _tables(_file(path))
    return precision_name(data, beside)


def _file(path: Path) -> Path:
    return path / "config.json" if path.is_dir() else path


def _tables(file: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The configuration, and what says beside it how weights are stored."""
    data = json_file.read(file, _MOST_BYTES, expected=_EXPECTED)
    if not isinstance(data, dict):
        raise UserError("is not a JSON object", where=str(file), expected=_EXPECTED)
    quantized = file.with_name(_QUANTIZED)
    if file.name != "config.json" or not quantized.is_file():
        return data, None
    beside = json_file.read(quantized, _MOST_BYTES, expected="a JSON object")
    return data, beside if isinstance(beside, dict) else None


def read_configuration(data: Any, where: str, *, name: str, beside: Any = None) -> Configuration:
    """Read a configuration that is already parsed.

    Args:
        beside: what `hf_quant_config.json` holds.

    Raises:
        UserError: as `read_config`.
    """
    if not isinstance(data, dict):
        raise UserError("is not a JSON object", where=where, expected=_EXPECTED)
    text, place = _language_model(data, where)
    kind = str(text.get("model_type") or _WRAPPED.get(str(data.get("model_type")), ""))
    if kind not in FAMILIES and f"{kind}_text" not in FAMILIES:
        kind = _of_class(text) or kind
    family = _family(kind, data, place)
    fields = Fields(text, place, family.defaults)
    try:
        layers = layers_of(fields, family)
        geometry = _geometry(fields, family, layers, name=_named(data, name))
        geometry = geometry.model_copy(
            update={"towers": towers_of(data, geometry.hidden, where), "source": where}
        )
        fields.check_all_understood()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        place = f"{place}:{field}" if field else place
        raise UserError(first["msg"], where=place, expected=_EXPECTED) from error
    return Configuration(
        geometry=geometry,
        precision=precision_of(
            data, geometry, layers, beside if isinstance(beside, dict) else None
        ),
        architecture=kind,
    )


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


def _of_class(text: dict[str, Any]) -> str:
    """The architecture that a configuration's class names, empty where it names none of ours."""
    named = text.get("architectures")
    first = str(named[0])[:100] if isinstance(named, list) and named else ""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", first.removesuffix("ForCausalLM")).lower()
    return words if words in FAMILIES else ""


def _family(kind: str, data: dict[str, Any], where: str) -> Family:
    family = FAMILIES.get(kind) or FAMILIES.get(f"{kind}_text")
    if family is None:
        named = data.get("architectures")
        shown = kind or (str(named[0]) if isinstance(named, list) and named else "nothing")
        raise UserError(
            f"is {shown[:60]!r}, an architecture that is not expressed",
            where=f"{where}:model_type",
            expected=f"one of {len(FAMILIES)} known ones, such as llama, qwen3_moe or deepseek_v3",
            remedy="describe it in a TOML file like those of suites/models/data",
        )
    return family


def _named(data: dict[str, Any], name: str) -> str:
    given = data.get("_name_or_path")
    if isinstance(given, str) and len(given) <= _LONGEST_NAME and _NAME.fullmatch(given):
        return given
    return name[:_LONGEST_NAME]


def _geometry(fields: Fields, family: Family, layers: list[Layer], *, name: str) -> Geometry:
    hidden = fields.whole(*family.hidden)
    tables, mixed = _beside(fields, hidden, len(layers))
    return Geometry(
        id=identifier(name),
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
        modules=_modules(fields, family, layers),
        source=fields.where,
    )


def _rope_theta(fields: Fields) -> float:
    if fields.raw("rope_theta") is None and (inner := fields.inner("rope_parameters")):
        own = inner.inner("full_attention") or inner
        return own.number("rope_theta", default=10_000.0)
    return fields.number("rope_theta", default=10_000.0)


def _modules(fields: Fields, family: Family, layers: list[Layer]) -> Modules | None:
    """Modules that predict further tokens, where the configuration says what they are made of."""
    count = fields.natural("num_nextn_predict_layers", "mtp_num_hidden_layers", most=100)
    fields.ignore("num_mtp_modules", "mtp_transformer_layers", "mtp_num_layers")
    fields.ignore("mtp_use_dedicated_embeddings")
    if not count or family.plan != "plain":
        return None
    layer = layer_of_modules(fields, family, layers)
    return Modules(count=count, layers=(layer,)) if layer else None


def _beside(fields: Fields, hidden: int, depth: int) -> tuple[int, int]:
    """Values looked up, and matrix weights met once: what stands beside the layers."""
    width = fields.natural("hidden_size_per_layer_input") * depth
    rows = fields.natural("vocab_size_per_layer_input")
    streams = fields.natural("altup_num_inputs")
    mixed = hidden * width + 2 * max(streams - 1, 0) * hidden * hidden
    tables = rows * width + width // depth if width else 0
    if joined := fields.natural("hc_mult"):  # DeepSeek-V4 joins its streams before the head
        mixed += joined * joined * hidden
        tables += joined + 1
    return tables, mixed
