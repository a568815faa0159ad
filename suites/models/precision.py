"""How wide the weights of a model folder are, tensor by tensor, as its configuration says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from suites.models.attention import Compressed, Gqa, Mla
from suites.models.feed_forward import Dense, Experts
from suites.models.geometry import Widths
from suites.models.recurrent import GatedDelta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suites.models.geometry import Geometry, Layer

__all__ = ["Precision", "precision_name", "precision_of"]

_DTYPES = {
    "bfloat16": ("bf16", 16.0), "float16": ("f16", 16.0), "float32": ("f32", 32.0),
    "float8_e4m3fn": ("fp8", 8.0), "float8_e5m2": ("fp8", 8.0),
}  # fmt: skip
_SCALE_BITS = 16.0
# Formats whose block and scale are part of their name: bits of a value, of a scale, its block.
_BLOCKS = {"nvfp4": (4.0, 8.0, 16), "mxfp4": (4.0, 8.0, 32), "mxfp8": (8.0, 8.0, 32)}
_INTEGERS = {"awq", "gptq", "auto-round", "autoround", "auto_round", "hqq", "exl2", "exl3"}
# Experts whose width is said apart: FP4 of OCP's microscaling, or blocks of 128 by 128 values.
_EXPERTS = {"fp4": 4.25, "fp8": 8.0 + 32 / 128**2, "bf16": 16.0, "bfloat16": 16.0}
_KEPT = ("modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules", "exclude")
_MOST_PATTERNS, _MOST_WILD, _MOST_GROUPS = 100_000, 16, 8
_LEADING = re.compile(r"^(?:model\.|language_model\.|text_model\.|transformer\.|backbone\.)+")
# What of a regular expression is understood: anything else leaves the widths unknown.
_UNESCAPED = re.compile(r"[\\\[\](){}+?|^$]")
_ALTERNATIVES = re.compile(r"\(([\w|.*\\]{1,200})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """A precision by name, and how wide it makes the weights.

    Attributes:
        name: such as "bf16", "fp8", "nvfp4" or "w4a16".
        widths: None where the configuration does not say.
    """

    name: str
    widths: Widths | None

    def mean_bits(self, geometry: Geometry) -> float | None:
        """Bits of a weight over all of them, scales included."""
        if self.widths is None:
            return None
        return geometry.weight_bytes(self.widths) * 8 / geometry.parameters()


# Whether a module is meant; None where the patterns are not understood.
_Matcher = Callable[[str], bool | None]


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How weights are stored, and which modules are not.

    Attributes:
        bits: of what is converted; None where nobody says.
        kept: whether a module stays as it was.
        only_experts: nothing else is converted.
        groups: modules with a width of their own; what none of them names stays as it was.
    """

    name: str
    bits: float | None
    kept: _Matcher
    only_experts: bool = False
    groups: tuple[tuple[_Matcher, float], ...] = ()

    def width(self, names: Sequence[str], rest: float) -> float | None:
        """Bits of a module by any of the names it may have; None where nobody can tell."""
        kept = _any(self.kept, names)
        if kept is None or kept:
            return None if kept is None else rest
        for matches, bits in self.groups:
            meant = _any(matches, names)
            if meant is None or meant:
                return None if meant is None else bits
        return rest if self.groups else self.bits


def _any(matches: _Matcher, names: Sequence[str]) -> bool | None:
    told = [matches(name) for name in names]
    return None if None in told else any(told)


def precision_of(
    data: Mapping[str, Any],
    geometry: Geometry,
    layers: Sequence[Layer],
    beside: Mapping[str, Any] | None = None,
) -> Precision:
    """Read the precision of a folder.

    Args:
        data: its configuration.
        layers: every layer of the model, in order.
        beside: what `hf_quant_config.json` holds, where there is one.
    """
    _, rest, scheme = _read(data, beside)
    shown = precision_name(data, beside)
    if scheme is None:
        widths = None if rest is None else Widths.uniform(rest)
    elif scheme.bits is None:
        widths = None
    else:
        widths = _widths(scheme, geometry, layers, rest or 16.0)
    own = _of_experts(data, scheme)
    if own and widths:
        bits = _EXPERTS.get(own)
        widths = replace(widths, experts=bits) if bits else None
    return Precision(name=shown, widths=widths)


def precision_name(data: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> str:
    """Name the precision alone, for which no sizes are needed; arguments as `precision_of`."""
    name, _, scheme = _read(data, beside)
    name, own = scheme.name if scheme else name, _of_experts(data, scheme)
    return f"{name}-{own}" if own and own != name else name


def _of_experts(data: Mapping[str, Any], scheme: _Scheme | None) -> str:
    """What DeepSeek-V4 says apart of its experts; empty of what others made of it."""
    dtype = data.get("expert_dtype")
    by_maker = scheme is not None and scheme.name == "fp8"
    return dtype[:20].lower() if isinstance(dtype, str) and by_maker else ""


def _read(
    data: Mapping[str, Any], beside: Mapping[str, Any] | None
) -> tuple[str, float | None, _Scheme | None]:
    """The name and bits of what is not quantized, and how the rest is."""
    inner = data.get("text_config")
    tables = [data, inner] if isinstance(inner, dict) else [data]
    name, rest = _dtype(tables)
    stated = [table["quantization_config"] for table in tables if table.get("quantization_config")]
    if beside:
        stated.append(beside)
    quantized = next((table for table in stated if isinstance(table, dict)), None)
    if quantized is None:
        return ("unknown", None, None) if stated else (name, rest, None)
    return name, rest, _scheme(quantized)


def _dtype(tables: Sequence[Mapping[str, Any]]) -> tuple[str, float | None]:
    dtype = next(
        (
            table[name]
            for table in tables
            for name in ("dtype", "torch_dtype")
            if isinstance(table.get(name), str)
        ),
        "unknown",
    )
    return _DTYPES.get(dtype.removeprefix("torch."), (dtype[:40], None))


def _scheme(table: Mapping[str, Any]) -> _Scheme:
    """The scheme of a quantization table, by whichever of its forms it has."""
    inner = table.get("quantization")
    if isinstance(inner, dict):  # hf_quant_config.json
        table = {"quant_method": "modelopt", **inner}
    method = str(table.get("quant_method") or "")[:40].lower()
    kept = _matcher([item for name in _KEPT for item in _texts(table.get(name))])
    groups, layers = table.get("config_groups"), table.get("quantized_layers")
    if isinstance(groups, dict) and groups:
        return _grouped(groups, method, kept)
    if isinstance(layers, dict) and layers:
        return _by_layer(layers, kept)
    algorithm = str(table.get("quant_algo") or "")[:40].lower()
    if algorithm:
        name = "fp8" if algorithm.startswith("fp8") else algorithm
        return _Scheme(name, _named_bits(name, table), kept)
    if method == "mxfp4":
        return _Scheme("mxfp4", _block_bits("mxfp4"), kept, only_experts=True)
    if method in _INTEGERS:
        return _integers(method, table, kept)
    return _Scheme(*_plain(method, table), kept)


def _plain(method: str, table: Mapping[str, Any]) -> tuple[str, float | None]:
    """Name and bits of what needs no more than its method."""
    if method in {"fp8", "fbgemm_fp8"}:
        block = table.get("weight_block_size")
        size = _product(block) if isinstance(block, list) else 0
        return "fp8", 8.0 + (32.0 / size if size else 0.0)
    if method == "bitsandbytes":
        if table.get("load_in_4bit") is not True:
            return "int8", 8.0
        # One 32-bit scale for 64 values, or itself kept in 8 bits and 1/256 of 32.
        twice = table.get("bnb_4bit_use_double_quant") is True
        return "nf4", 4.0 + ((8 + 32 / 256) / 64 if twice else 0.5)
    return method or "quantized", None


def _grouped(groups: Mapping[str, Any], method: str, kept: _Matcher) -> _Scheme:
    """compressed-tensors, and ModelOpt in its form: groups of like weights."""
    matchers: list[tuple[str, float, _Matcher]] = []
    for group in list(groups.values())[:_MOST_GROUPS]:
        weights = group.get("weights") if isinstance(group, dict) else None
        bits = _number(weights.get("num_bits")) if isinstance(weights, dict) else None
        if bits is None or not isinstance(weights, dict):
            return _Scheme(method or "quantized", None, kept)
        inputs = group.get("input_activations")
        acts = _number(inputs.get("num_bits")) if isinstance(inputs, dict) else None
        targets = _texts(group.get("targets"))
        everything = not targets or "Linear" in targets
        matches: _Matcher = _everything if everything else _matcher(targets)
        matchers.append((*_group(bits, acts, weights), matches))
    return _mixed(matchers, kept)


def _by_layer(layers: Mapping[str, Any], kept: _Matcher) -> _Scheme:
    """ModelOpt's mixed precision: an algorithm for each module."""
    modules: dict[tuple[str, float], list[str]] = {}
    for module, own in layers.items():
        algorithm = str(own.get("quant_algo") or "")[:40].lower() if isinstance(own, dict) else ""
        name = "nvfp4" if "nvfp4" in algorithm else algorithm
        bits = _named_bits(name, own) if name else None
        if bits is None:
            return _Scheme("mixed", None, kept)
        modules.setdefault((name, bits), []).append(module)
    matchers = [(name, bits, _matcher(own)) for (name, bits), own in modules.items()]
    return _mixed(matchers, kept)


def _mixed(matchers: Sequence[tuple[str, float, _Matcher]], kept: _Matcher) -> _Scheme:
    names = dict.fromkeys(name for name, _, _ in matchers)
    if len(names) == 1 and matchers[0][2] is _everything:
        return _Scheme(matchers[0][0], matchers[0][1], kept)
    groups = tuple((matches, bits) for _, bits, matches in matchers)
    return _Scheme("-".join(names), min(bits for _, bits, _ in matchers), kept, groups=groups)


def _group(bits: float, acts: float | None, weights: Mapping[str, Any]) -> tuple[str, float]:
    size = _number(weights.get("group_size")) or 0
    if weights.get("type") == "float":
        if bits == 4:
            name = "mxfp4" if size == 32 else "nvfp4"
            return name, _block_bits(name)
        return f"fp{bits:g}", bits
    name = f"w{bits:g}a{acts or 16:g}"
    return name, bits + (_SCALE_BITS / size if size else 0.0)


def _integers(method: str, table: Mapping[str, Any], kept: _Matcher) -> _Scheme:
    """Integers with a 16-bit scale a group, and a zero of their own width where they have one."""
    bits = _number(table.get("bits") or table.get("w_bit") or table.get("nbits"))
    if bits is None:
        return _Scheme(method, None, kept)
    if method in {"exl2", "exl3"}:
        return _Scheme(f"{method}-{bits:g}bpw", bits, kept)
    size = _number(table.get("group_size") or table.get("q_group_size")) or 0
    whole = bits + ((_SCALE_BITS + bits) / size if size > 0 else 0.0)
    return _Scheme(method if method == "awq" else f"{method}-{bits:g}bit", whole, kept)


def _named_bits(name: str, table: Mapping[str, Any]) -> float | None:
    if name in _BLOCKS:
        return _block_bits(name)
    if told := re.match(r"w(\d{1,2})a\d{1,2}", name):
        size = _number(table.get("group_size")) or 0
        return float(told[1]) + (_SCALE_BITS / size if size > 0 else 0.0)
    if told := re.match(r"(?:fp|int)(\d{1,2})", name):
        return float(told[1])
    return None


def _block_bits(name: str) -> float:
    value, scale, size = _BLOCKS[name]
    return value + scale / size


def _number(value: Any) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 2**20
    return float(value) if fine else None


def _product(sizes: Sequence[Any]) -> int:
    product = 1
    for size in sizes[:4]:
        product *= int(_number(size) or 0)
    return product


def _texts(value: Any) -> list[str]:
    """The texts of a list; none of anything else."""
    if not isinstance(value, list):
        return []
    return [item for item in value[:_MOST_PATTERNS] if isinstance(item, str)]


def _everything(_: str) -> bool:
    return True


def _matcher(patterns: Sequence[str]) -> _Matcher:
    """Whether a module is named by one of these."""
    globs: list[str] = []
    for pattern in patterns[:_MOST_PATTERNS]:
        told = _globs(pattern[:300])
        if told is None:
            return lambda _: None
        globs += told
    exact = {glob for glob in globs if "*" not in glob}
    # Most say how a name begins; the others are tried one by one, so they are few.
    begins = {glob[:-1] for glob in globs if glob.endswith("*") and "*" not in glob[:-1]}
    wild = sorted({glob for glob in globs if "*" in glob[:-1]})
    if len(wild) > _MOST_WILD:
        return lambda _: None

    def matches(module: str) -> bool:
        words = module.split(".")
        ends = range(1, len(words) + 1)
        runs = {".".join(words[start:end]) for end in ends for start in range(end)}
        return (
            bool(runs & exact)
            or any(module[:length] in begins for length in range(len(module) + 1))
            or any(fnmatchcase(module, glob) or fnmatchcase(module, f"{glob}.*") for glob in wild)
        )

    return matches


def _globs(pattern: str) -> list[str] | None:
    """A pattern as globs; a stranger's regular expression is never run as one."""
    if not pattern.startswith("re:"):
        return [_LEADING.sub("", pattern)]
    text = pattern[3:].removeprefix("^").removesuffix("$").replace(r"\d+", "*")
    text = text.replace("[0-9]+", "*")
    choices = _ALTERNATIVES.search(text)
    words = choices[1].split("|") if choices else [""]
    globs = []
    for word in words:
        glob = text[: choices.start()] + word + text[choices.end() :] if choices else text
        glob = glob.replace(".*", "*").replace(r"\.", ".")
        if _UNESCAPED.search(glob) or glob.count("*") > 8:
            return None
        # A regular expression is matched from the start of the name, whatever leads it.
        globs.append(_LEADING.sub("", glob))
    return globs


def _widths(
    scheme: _Scheme, geometry: Geometry, layers: Sequence[Layer], rest: float
) -> Widths | None:
    """Mean width of each kind of weight; routers, head and embedding are not converted."""
    bits: dict[str, float] = {"experts": 0.0, "mixers": 0.0, "dense": 0.0}
    counts: dict[str, int] = dict.fromkeys(bits, 0)
    index = 0
    for layer in layers:
        for _ in range(layer.count):
            for place, names, weights in _modules(layer, index, geometry.hidden):
                as_was = not names or (scheme.only_experts and place != "experts")
                width = rest if as_was else scheme.width(names, rest)
                if width is None:
                    return None
                bits[place] += weights * width
                counts[place] += weights
            index += 1
    mean = {place: bits[place] / counts[place] if counts[place] else rest for place in bits}
    own = [width for matches, width in scheme.groups if matches is not _everything]
    named = [width for matches, width in scheme.groups if matches("lm_head") and width in own]
    head = named[0] if named and not any(m is _everything for m, _ in scheme.groups) else rest
    return Widths(**mean, head=head, rest=rest)


def _modules(layer: Layer, index: int, hidden: int) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Where a matrix is counted, the names its module may have, and its weights.

    No name for what is never converted: routers and convolutions.
    """
    at = f"layers.{index}"
    for part in layer.parts:
        match part:
            case Gqa() | Mla() | Compressed():
                for name, weights in part.projections(hidden).items():
                    yield "mixers", (f"{at}.self_attn.{name}", f"{at}.mixer.{name}"), weights
            case GatedDelta():
                for name, weights in part.projections(hidden).items():
                    names = name.split("|") if name else []
                    yield "mixers", tuple(f"{at}.linear_attn.{own}" for own in names), weights
            case Dense():
                third = part.matrices(hidden) // (3 if part.gated else 2)
                for name in ("gate_proj", "up_proj", "down_proj")[0 if part.gated else 1 :]:
                    yield "dense", (f"{at}.mlp.{name}", f"{at}.mixer.{name}"), third
            case Experts():
                yield from _of_mixture(part, layer, at, hidden)
            case _:
                names = [f"{at}.{word}.in_proj" for word in ("linear_attn", "mixer", "mamba")]
                yield "mixers", tuple(names), part.matrices(hidden)
    if layer.mixed:
        yield "mixers", (), layer.mixed


def _of_mixture(
    part: Experts, layer: Layer, at: str, hidden: int
) -> Iterator[tuple[str, tuple[str, ...], int]]:
    # Where a dense block stands beside them, experts are not part of it.
    beside = any(isinstance(other, Dense) for other in layer.parts)
    block = at if beside else f"{at}.mlp"
    routed = (f"{block}.experts.0.up_proj", f"{at}.mixer.experts.0.up_proj")
    yield "experts", routed, part.routed(hidden)
    shared = part.stored(hidden) - part.routed(hidden)
    router = hidden * (part.experts + part.zero_experts)
    yield "dense", (), router
    names = [f"{at}.mlp.shared_expert{end}.up_proj" for end in ("", "s")]
    yield "dense", (*names, f"{at}.mixer.shared_experts.up_proj"), shared - router
