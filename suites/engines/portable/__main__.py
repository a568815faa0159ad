"""The portable engine: `python -m suites.engines.portable --weights FOLDER --port 8000`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Tokens of the first, untimed requests: kernels are chosen and compiled before anyone is timed.
_WARM_TOKENS = 16
_WARM_STEPS = 3


def _main() -> None:
    asked = _arguments()
    if asked.plugin:
        importlib.import_module(asked.plugin)
    import torch
    import transformers

    from suites.engines.portable.decoder import refusal
    from suites.engines.portable.server import server

    torch.set_num_threads(asked.threads)
    config = transformers.AutoConfig.from_pretrained(asked.weights)
    reason = refusal(config)
    if reason:
        sys.exit(f"{asked.weights}: the portable engine does not decode {reason}")
    dtype: Any = asked.dtype if asked.dtype == "auto" else getattr(torch, asked.dtype)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        asked.weights, dtype=dtype, attn_implementation="sdpa"
    )
    model = model.to(asked.device).eval()
    decoder, how = _warm(model, asked)
    server(
        decoder,
        transformers.AutoTokenizer.from_pretrained(asked.weights),
        slots=asked.slots,
        model=asked.model,
        ends=_ends(model),
        version=f"{transformers.__version__} (torch {torch.__version__}, {how})",
        address=(asked.host, asked.port),
        context=asked.context,
        vocabulary=config.get_text_config().vocab_size,
    ).serve_forever()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m suites.engines.portable")
    parser.add_argument("--weights", required=True, help="folder in Hugging Face's layout")
    parser.add_argument("--model", default="model", help="name requests ask for")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--device", default="cpu", help="as torch names it: cuda, npu, xpu, …")
    parser.add_argument("--plugin", default="", help="package that registers the device")
    parser.add_argument("--dtype", default="auto", help="bfloat16, float16, float32")
    parser.add_argument("--slots", type=int, default=8, help="requests decoded together")
    parser.add_argument("--context", type=int, default=4096, help="tokens of one request")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    parser.add_argument(
        "--compile",
        choices=("auto", "on", "off"),
        default="auto",
        help="torch.compile the step; auto: on a device other than the CPU, where it works",
    )
    return parser.parse_args()


def _ends(model: Any) -> set[int]:
    """Tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    return {ends} if isinstance(ends, int) else set(ends or ())


def _warm(model: Any, asked: argparse.Namespace) -> tuple[Any, str]:
    """A decoder that has run once, and how: compiled where that is asked for and works."""
    import torch

    from suites.engines.portable.decoder import Decoder

    def tried(compiled: Callable[[Any], Any] | None) -> Any:
        decoder = Decoder(model, slots=asked.slots, context=asked.context, compiled=compiled)
        for _ in range(asked.slots):
            decoder.start([_WARM_TOKENS] * min(_WARM_TOKENS, asked.context - 1))
        for _ in range(min(_WARM_STEPS, asked.context - _WARM_TOKENS)):
            decoder.step()
        for row in reversed(range(asked.slots)):
            decoder.drop(row)
        return decoder

    if asked.compile == "on" or (asked.compile == "auto" and asked.device != "cpu"):
        try:
            return tried(torch.compile), "compiled"
        except Exception as error:
            if asked.compile == "on":
                raise
            print(f"torch.compile does not work here ({error}); running eagerly", file=sys.stderr)
    return tried(None), "eager"


if __name__ == "__main__":
    _main()
