"""Our CUDA kernels without a GPU: compiled for four generations, and run on the CPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import suites.models
from suites.kernels.check import judge
from suites.kernels.cuda import SOURCE, launchers, refuses
from suites.kernels.cuda import fused as fused_module
from suites.kernels.harness import generator, place

HERE = Path(__file__).parent
KERNELS = ("rmsnorm", "softmax", "swiglu", "rope", "attention_decode")
THREADS = 64  # two warps: enough that a block's fold crosses them


def build(folder, *flags):
    compiler = shutil.which("g++")
    if not compiler:
        pytest.skip("g++ is not installed; it builds the kernels for the CPU")
    library = folder / "fused.so"
    command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", f'-DFUSED="{SOURCE}"', *flags]
    command += ["-I", HERE / "cuda_half", "-o", library, HERE / "cuda_launch.cpp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "_Float16" in done.stderr and "FENMARK_F16" in " ".join(flags):
        pytest.skip("this compiler has no _Float16")
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    return build(tmp_path_factory.mktemp("fused"))


@pytest.fixture(scope="module")
def fused_half(tmp_path_factory):
    return build(tmp_path_factory.mktemp("half"), "-DFENMARK_F16")


@pytest.fixture(scope="module")
def fused_without_barriers(tmp_path_factory):
    return build(tmp_path_factory.mktemp("unsynchronized"), "-DWITHOUT_BARRIERS")


class OnCpu:
    """As much of CuPy as the launchers use, over the kernels built for the CPU."""

    empty, empty_like = staticmethod(np.empty), staticmethod(np.empty_like)
    full = staticmethod(np.full)

    def __init__(self, library, descending):
        self._library, self._descending = library, descending

    def RawModule(self, code, options):  # noqa: N802 - CuPy's name
        assert code == SOURCE.read_text()
        self.half = "-DFENMARK_F16" in options
        return self

    def get_function(self, name):
        def launch(grid, _block, arguments):
            values = [self._value(argument) for argument in arguments]
            lead = {
                "rmsnorm": [ctypes.c_int(grid[0])],
                "softmax": [ctypes.c_int(grid[0])],
            }.get(name, [])
            if name.startswith("attention_decode"):
                lead = [ctypes.c_int(size) for size in grid]
            door = getattr(self._library, f"run_{name}")
            door(ctypes.c_int(THREADS), ctypes.c_bool(self._descending), *lead, *values)

        return launch

    @staticmethod
    def _value(argument):
        if isinstance(argument, np.ndarray):
            assert argument.flags["C_CONTIGUOUS"]
            return ctypes.c_void_p(argument.ctypes.data)
        if isinstance(argument, np.floating):
            return ctypes.c_float(float(argument))
        return ctypes.c_int(int(argument))


def verdict(make_case, family, library, *, descending=False, dtype="f32", **model):
    """The worst of a case's ordinary inputs and its probes."""
    case = make_case(family, dtype=dtype, **model)
    device, work = OnCpu(library, descending), case.work
    run = launchers(device)[family]
    verdicts = []
    for draw in (work.inputs, *work.probes.values()):
        operands = place(case, draw(generator(case, 0, 0)))
        output = run(None, **operands, **work.parameters).astype(np.float64)
        truth = {name: case.backend.get(array) for name, array in operands.items()}
        reference = work.reference(**truth, **work.parameters)
        spread = work.rounding.spread
        spread = spread(reference, **truth, **work.parameters) if spread else None
        verdicts.append(judge(output, reference, dtype, work.rounding, spread))
    assert device.half is (dtype == "f16")
    return max(verdicts, key=lambda case: (bool(case.problem), case.error))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("family", KERNELS)
def test_a_cuda_kernel_run_on_the_cpu_agrees_with_float64(make_case, fused, family, descending):
    result = verdict(make_case, family, fused, descending=descending)
    assert result.problem == ""
    assert result.error < 1e-6


@pytest.mark.parametrize("family", KERNELS)
def test_its_half_precision_form_stays_inside_the_gate_of_f16(make_case, fused_half, family):
    result = verdict(make_case, family, fused_half, descending=False, dtype="f16")
    assert result.problem == ""
    assert result.error > 1e-6  # values were really rounded to 11 bits


@pytest.mark.parametrize("family", ["rmsnorm", "softmax", "attention_decode"])
def test_a_removed_barrier_shows(make_case, fused_without_barriers, family):
    orders = [
        verdict(make_case, family, fused_without_barriers, descending=order).problem
        for order in (False, True)
    ]
    assert any(orders)


# A ragged batch, then a window and sinks.
@pytest.mark.parametrize(("pick", "stretch"), [(1, 16), (1, 512), (2, 16)])
def test_decode_over_ragged_windowed_and_split_contexts_agrees(
    make_case, fused, monkeypatch, tmp_path, pick, stretch
):
    monkeypatch.setattr(fused_module, "_STRETCH", stretch)
    model = "tiny-15m"
    if pick == 2:
        text = (Path(suites.models.__file__).parent / "data" / "tiny-15m.toml").read_text()
        (tmp_path / "seen.toml").write_text(
            text.replace("qkv_bias = true", "window = 40, sinks = true")
        )
        model = str(tmp_path / "seen.toml")
    assert verdict(make_case, "attention_decode", fused, model=model, pick=pick).problem == ""


def test_heads_too_wide_for_our_kernel_are_refused_by_name(make_case):
    work = make_case("attention_decode").work
    assert refuses(work.family, work.shape) == ""
    wide = work.shape | {"head_dim": 512}
    assert refuses(work.family, wide) == "heads of 512 values; our kernel holds 256"


def test_every_fused_kernel_is_tested():
    source = SOURCE.read_text()
    assert source.count('extern "C" __global__') == len(KERNELS) + 1  # decode has two
    assert set(launchers(None)) == set(KERNELS)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_nvrtc_compiles_the_kernels_without_a_device(architecture, half):
    binary = compile_for(architecture, half=half)
    assert binary.startswith(b"\x7fELF")  # a cubin is an ELF file
    for name in KERNELS:
        assert name.encode() in binary


def test_nvrtc_refuses_a_broken_kernel_with_its_line():
    with pytest.raises(AssertionError, match=r"fused.cu\(\d+\): error"):
        compile_for("sm_90", half=False, source=SOURCE.read_text() + "\nbroken")


def compile_for(architecture, *, half, source=None):
    root = find_spec("nvidia") and find_spec("nvidia.cuda_nvrtc")
    if not root:
        pytest.skip("NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    libraries = Path(next(iter(root.submodule_search_locations))) / "lib"
    ctypes.CDLL(str(next(libraries.glob("libnvrtc-builtins.so.*"))), mode=ctypes.RTLD_GLOBAL)
    nvrtc = ctypes.CDLL(str(libraries / "libnvrtc.so.12"))
    headers = Path(next(iter(find_spec("nvidia.cuda_runtime").submodule_search_locations)))
    options = [f"--gpu-architecture={architecture}", "-std=c++17", f"-I{headers / 'include'}"]
    options += ["-DFENMARK_F16"] if half else []
    program = ctypes.c_void_p()
    text = (source or SOURCE.read_text()).encode()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"fused.cu", 0, None, None) == 0
    array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    code = nvrtc.nvrtcCompileProgram(program, len(options), array)
    if code:
        raise AssertionError(answer(nvrtc, "ProgramLog", program).decode())
    return answer(nvrtc, "CUBIN", program)


def answer(nvrtc, name, program):
    size = ctypes.c_size_t()
    assert getattr(nvrtc, f"nvrtcGet{name}Size")(program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert getattr(nvrtc, f"nvrtcGet{name}")(program, buffer) == 0
    return buffer.raw
