"""What people serve with is listed by name, and what is missing says why."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from suites.kernels.backends import torch_serving
from suites.kernels.families import Sizes, works
from suites.models import load

SIZES = Sizes(prefill=32, decode=(1,), batch=2, context=64, peak=48)


def listed(family, kind="cuda", dtype="bf16", model="tiny-15m", pick=0):
    work = works(family, load(model), SIZES, dtype, 0)[pick]
    return torch_serving.paths(work, kind)


def test_a_package_that_is_not_installed_is_the_reason(monkeypatch):
    monkeypatch.setattr(torch_serving, "find_spec", lambda _: None)
    paths = listed("attention_decode")
    assert paths["flashinfer"] == "the package flashinfer is not installed"
    assert paths["flash-attention-3"] == "the package flash_attn_interface is not installed"
    assert callable(paths["sdpa"])


def test_an_installed_package_runs_where_device_and_dtype_fit(monkeypatch):
    monkeypatch.setattr(torch_serving, "find_spec", lambda _: object())
    assert callable(listed("attention_decode")["flashinfer"])
    assert listed("attention_decode", kind="npu")["flashinfer"] == "flashinfer has no npu kernel"
    assert "not f32" in listed("attention_prefill", dtype="f32")["flash-attention-3"]
    assert "ragged" in listed("attention_decode", pick=1)["sdpa"]


@pytest.mark.parametrize("family", ["attention_prefill", "attention_decode", "mla_decode"])
def test_every_path_has_the_operands_of_its_family(family):
    model = "deepseek-v3" if family == "mla_decode" else "tiny-15m"
    work = replace(works(family, load(model), SIZES, "bf16", 0)[0])
    import inspect

    import numpy as np

    operands = {*work.inputs(np.random.default_rng(0)), *work.parameters}
    for path in torch_serving._BY_FAMILY[family]:
        _, *names = inspect.signature(path.run).parameters
        assert operands == set(names), path.name


def test_no_kernel_flips_a_global_flag_while_it_runs():
    """Settings are set around a measurement, by `settings`; a kernel assigns to names alone."""
    folder = Path(torch_serving.__file__).parent
    for file in ("torch_serving.py", "torch_paths.py"):
        for function in ast.walk(ast.parse((folder / file).read_text())):
            if isinstance(function, ast.FunctionDef) and function.name != "settings":
                targets = [
                    target
                    for node in ast.walk(function)
                    if isinstance(node, ast.Assign)
                    for target in node.targets
                ]
                assert not any(isinstance(target, ast.Attribute) for target in targets)
